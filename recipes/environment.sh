# Sourced by the recipes and tests: the environment that OpenRLHF, Ray, vLLM and DeepSpeed run in.
# Needs $root (the repository). Without a GPU it switches CPU mode on (fas_plugin/training/cpu_mode.py).

export TOKENIZERS_PARALLELISM=false   # OpenRLHF forks after tokenising
export VLLM_LOGGING_LEVEL=${VLLM_LOGGING_LEVEL:-ERROR}   # its warnings about CPUs fill pages
export VLLM_PLUGINS=${VLLM_PLUGINS-}   # none: what other packages register costs each process seconds
export RAY_USAGE_STATS_ENABLED=0 VLLM_NO_USAGE_STATS=1 DO_NOT_TRACK=1

if ((${GPUS:-0} == 0)); then
  export FAS_CPU_MODE=1 DS_ACCELERATOR=cpu
  export OMP_NUM_THREADS=${OMP_NUM_THREADS:-$(nproc)}
  # Threads that wait give their core away: spinning ones make everything beside them many times slower.
  export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-PASSIVE}
  export VLLM_CPU_KVCACHE_SPACE=${VLLM_CPU_KVCACHE_SPACE:-1}   # GiB
  export VLLM_CPU_OMP_THREADS_BIND=nobind VLLM_CPU_CI_ENV=1    # share the cores with training
  export VLLM_ENABLE_V1_MULTIPROCESSING=0                      # one process less
  export TORCH_EXTENSIONS_DIR=$root/.venv/torch_extensions MAX_JOBS=${MAX_JOBS:-2}
  unset CUDA_VISIBLE_DEVICES                                   # an empty value hides Ray's stand-in GPU
fi

# free_port: prints one.
free_port() {
  python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
[[ -t 2 ]] || export TQDM_MININTERVAL=${TQDM_MININTERVAL:-10}   # progress bars in log files
