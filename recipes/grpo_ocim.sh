#!/usr/bin/env bash
# GRPO of a vision-language model on OCIM leave-one-out face anti-spoofing, from videos to a report.
#
#   bash recipes/grpo_ocim.sh                    no GPU, no data: a tiny VLM learns on a synthetic OCIM
#   TARGET=O SEED=1 bash recipes/grpo_ocim.sh    another unseen domain, another seed
#   MODEL=Qwen/Qwen2.5-VL-3B-Instruct OCIM_ROOT=/data/ocim TARGET=M bash recipes/grpo_ocim.sh
#   RAY_ADDRESS=10.0.0.1:6379 NODES=2 ... bash recipes/grpo_ocim.sh      on a Ray cluster
#   bash recipes/grpo_ocim.sh --dry-run          print the OpenRLHF command and stop
#
# Killed at any point, the same command goes on from the last finished step. Every setting below is
# an environment variable. "ours" marks what the method's public text (arXiv 2506.21895) leaves open.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"

say() { printf '\n[%s] %s\n' "$(date +%H:%M:%S)" "$*"; }
fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

dry_run=
case ${1:-} in
  '') ;;
  --dry-run) dry_run=1 ;;
  *) sed -n '2,11s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; [[ $1 == --help || $1 == -h ]] && exit 0; exit 2 ;;
esac

# --- What to train, on what ---------------------------------------------------------------------
TARGET=${TARGET:-M}          # the unseen domain: O, C, I or M
SEED=${SEED:-0}
OCIM_ROOT=${OCIM_ROOT:-}     # folder with the four datasets; empty: make a synthetic OCIM
GPUS=${GPUS:-$(nvidia-smi -L 2>/dev/null | grep -c '^GPU' || true)}   # per node
NODES=${NODES:-1}
if ((GPUS)); then default_model=Qwen/Qwen2.5-VL-3B-Instruct; else default_model=tiny; fi
MODEL=${MODEL:-$default_model}   # hub name, folder, or "tiny": made here, about 1.2 million weights
RUN=${RUN:-runs/ocim-$TARGET-$(basename "$MODEL")-seed$SEED}
DATA=${DATA:-data}           # synthetic videos, face crops, prompt datasets
SYNTHETIC_SIZE=${SYNTHETIC_SIZE:-small}  # of the synthetic OCIM: small or tiny
WORKERS=${WORKERS:-$(nproc)} # processes that read videos

# --- Hyper-parameters -----------------------------------------------------------------------------
if [[ $MODEL == tiny ]]; then
  IMAGE_SIZE=${IMAGE_SIZE:-112}        # pixels; 16 image tokens
  PROMPT=${PROMPT:-brief}
  EYES_STEPS=${EYES_STEPS:-400}        # warm-up of the vision tower on image measurements
  WARM_UP_STEPS=${WARM_UP_STEPS:-200}  # warm-up of the language model on coin-toss verdicts
  GROUP_SIZE=${GROUP_SIZE:-8}          # completions per prompt (GRPO's G)
  ROLLOUT_PROMPTS=${ROLLOUT_PROMPTS:-16}
  TRAIN_BATCH=${TRAIN_BATCH:-64}       # completions per optimiser step: two a rollout
  MICRO_BATCH=${MICRO_BATCH:-32}
  EPISODES=${EPISODES:-1}
  MAX_PROMPTS=${MAX_PROMPTS:-640}      # of about 920; enough, and balanced like the whole
  LEARNING_RATE=${LEARNING_RATE:-7e-4} # a million fresh weights bear, and need, far more than billions
  ADAM_EPS=${ADAM_EPS:-2e-4}           # near the gradients: noise in idle weights is not blown up
  KL_COEF=${KL_COEF:-0.04}             # DeepSeekMath's
  TOP_P=${TOP_P:-0.99}                 # keeps image placeholder tokens out of completions
  MAX_NEW_TOKENS=${MAX_NEW_TOKENS:-48}
  MAX_LEN=${MAX_LEN:-128}
  SAVE_STEPS=${SAVE_STEPS:-10}
  EVAL_SAMPLES=${EVAL_SAMPLES:-4}
  EVAL_TEMPERATURE=${EVAL_TEMPERATURE:-1.0}
  DISK_GB=${DISK_GB:-1}                # free space to start with
else
  IMAGE_SIZE=${IMAGE_SIZE:-448}        # FaceCoT and others; 256 image tokens of Qwen2.5-VL
  PROMPT=${PROMPT:-task_solving}       # the paper's paradigm, our wording
  EYES_STEPS=0 WARM_UP_STEPS=0         # pre-trained models need none
  GROUP_SIZE=${GROUP_SIZE:-8}          # ours; 8 is common for VLM GRPO, DeepSeekMath uses 64
  ROLLOUT_PROMPTS=${ROLLOUT_PROMPTS:-64}
  TRAIN_BATCH=${TRAIN_BATCH:-512}      # one optimiser step a rollout: on-policy
  MICRO_BATCH=${MICRO_BATCH:-4}
  EPISODES=${EPISODES:-3}              # ours
  MAX_PROMPTS=${MAX_PROMPTS:-1000000}  # of a pass; fewer for a trial
  LEARNING_RATE=${LEARNING_RATE:-1e-6} # OpenRLHF's default for actors
  ADAM_EPS=${ADAM_EPS:-1e-8}           # OpenRLHF's default
  KL_COEF=${KL_COEF:-0.001}            # ours; DeepSeekMath has 0.04, later work goes lower
  TOP_P=${TOP_P:-1.0}
  MAX_NEW_TOKENS=${MAX_NEW_TOKENS:-512}
  MAX_LEN=${MAX_LEN:-2048}
  SAVE_STEPS=${SAVE_STEPS:-50}
  EVAL_SAMPLES=${EVAL_SAMPLES:-1}
  EVAL_TEMPERATURE=${EVAL_TEMPERATURE:-0.0}
  DISK_GB=${DISK_GB:-120}              # two checkpoints of 3 billion weights with Adam's states
fi
TEMPERATURE=${TEMPERATURE:-1.0}        # of rollouts; OpenRLHF's default
REWARD_PRESET=${REWARD_PRESET:-default}
REWARD_HOST=${REWARD_HOST:-}           # where the reward server listens; empty: loopback, or on a Ray
                                       # cluster this machine's first address, for the other nodes
REWARD_PORT=${REWARD_PORT:-0}          # 0: any free port
REWARD_URL=${REWARD_URL:-}             # a server that runs elsewhere, or a .py file; empty: start one
REWARD_FALLBACK=${REWARD_FALLBACK:-0}  # 1: rollout workers compute rewards themselves when no server
                                       # answers; OpenRLHF's own client ends the run then
FRAMES_PER_VIDEO=${FRAMES_PER_VIDEO:-2}  # two, as SSDG and FLIP test

RUN=$(realpath -m "$RUN") DATA=$(realpath -m "$DATA")  # Ray's workers may run in other folders
[[ $TARGET =~ ^[OCIM]$ ]] || fail "TARGET=$TARGET: expected O (OULU-NPU), C (CASIA-FASD), I (Replay-Attack) or M (MSU-MFSD)"
[[ -z $OCIM_ROOT || -d $OCIM_ROOT ]] || fail "OCIM_ROOT=$OCIM_ROOT: no such folder; give the folder that holds the four datasets, or leave it empty for a synthetic OCIM"

[[ -n $dry_run ]] || bash recipes/setup.sh
export PATH=$root/.venv/bin:$PATH
# shellcheck source=recipes/environment.sh
source recipes/environment.sh

if [[ -n $OCIM_ROOT ]]; then
  source_name=$(basename "$OCIM_ROOT") synthetic=
else
  OCIM_ROOT=$DATA/ocim-synthetic-$SYNTHETIC_SIZE source_name=ocim-synthetic-$SYNTHETIC_SIZE synthetic=1
fi
faces=$DATA/faces-$source_name-${IMAGE_SIZE}px-${FRAMES_PER_VIDEO}f
prompts=$DATA/prompts-$source_name-${IMAGE_SIZE}px-${FRAMES_PER_VIDEO}f-$TARGET-$PROMPT
actor=$MODEL
[[ $MODEL == tiny ]] && actor=$RUN/policy

# --- The OpenRLHF command -------------------------------------------------------------------------
train=(
  python -m openrlhf.cli.train_ppo_ray
  --actor.model_name_or_path "$actor"
  --data.prompt_dataset "$prompts/train.jsonl" --data.max_samples "$MAX_PROMPTS"
  --data.input_key prompt --data.label_key label --data.image_key images
  --data.max_images_per_prompt 1 --data.apply_chat_template --data.max_len "$MAX_LEN"
  --rollout.max_new_tokens "$MAX_NEW_TOKENS" --rollout.temperature "$TEMPERATURE" --rollout.top_p "$TOP_P"
  # GRPO: a group per prompt, advantages normalised within it, KL to the start as a loss (k3)
  --algo.advantage.estimator group_norm --rollout.n_samples_per_prompt "$GROUP_SIZE"
  --rollout.batch_size "$ROLLOUT_PROMPTS" --train.batch_size "$TRAIN_BATCH"
  --rollout.micro_batch_size "$MICRO_BATCH" --train.micro_batch_size "$MICRO_BATCH"
  --algo.kl.use_loss --algo.kl.estimator k3 --algo.kl.init_coef "$KL_COEF"
  # groups whose answers are all right or all wrong carry no signal
  --algo.dynamic_filtering_enable --algo.dynamic_filtering_range 0.0 1.0
  --actor.adam.lr "$LEARNING_RATE" --actor.adam.eps "$ADAM_EPS" --actor.lr_warmup_ratio 0.05 --actor.freeze_visual_encoder
  --train.num_episodes "$EPISODES" --train.max_epochs 1 --train.seed "$SEED"
  --train.colocate_all --vllm.enforce_eager --vllm.tensor_parallel_size 1
  --ds.zero_stage 2 --ds.param_dtype bf16
  --ckpt.output_dir "$RUN/checkpoint" --ckpt.path "$RUN/states" --ckpt.save_steps "$SAVE_STEPS"
  --ckpt.max_num 1 --ckpt.load_enable --ckpt.best_metric_key none
  --logger.tensorboard_dir "$RUN/tensorboard" --logger.wandb.run_name "$(basename "$RUN")"
)
if ((GPUS)); then
  train+=(
    --actor.num_nodes "$NODES" --actor.num_gpus_per_node "$GPUS"
    --ref.num_nodes "$NODES" --ref.num_gpus_per_node "$GPUS" --vllm.num_engines $((NODES * GPUS))
    --vllm.gpu_memory_utilization 0.6 --vllm.enable_sleep --ds.enable_sleep
    --actor.gradient_checkpointing_enable --ds.attn_implementation flash_attention_2
  )
else
  train+=(
    --actor.num_nodes 1 --actor.num_gpus_per_node 1 --ref.num_nodes 1 --ref.num_gpus_per_node 1
    --vllm.num_engines 1 --vllm.gpu_memory_utilization 0.1 --vllm.sync_backend gloo
    --ds.attn_implementation eager
  )
fi
if [[ -n $dry_run ]]; then
  printf '%q ' "${train[@]}" --reward.remote_url "${REWARD_URL:-http://127.0.0.1:PORT/get_reward}"
  echo
  exit
fi

source recipes/processes.sh
claim_run "$RUN"
finish() {
  [[ $(type -t reward_server_stop) != function ]] || reward_server_stop
  end_processes
  rm -rf "${ray_folder:-}"
}
trap finish EXIT
for folder in "$RUN" "$DATA"; do
  mkdir -p "$folder"
  free=$(df -Pk "$folder" | awk 'NR == 2 {print int($4 / 1048576)}')
  ((free >= DISK_GB)) || fail "$folder: $free GiB free, DISK_GB=$DISK_GB wanted; free some space, choose another folder with RUN or DATA, or lower DISK_GB"
done

# --- 1. Videos to prompts -------------------------------------------------------------------------
exec 8> "$DATA/.lock"  # runs that share the data make it one after the other
flock --nonblock 8 || { say "Waiting for another run that is working in $DATA"; flock 8; }
if [[ -n $synthetic ]]; then
  say "Synthetic OCIM in $OCIM_ROOT (no OCIM_ROOT given): four datasets in the original layouts"
  fas-plugin data synthesize "$OCIM_ROOT" --size "$SYNTHETIC_SIZE" --workers "$WORKERS"
fi
say "Face crops in $faces"
fas-plugin data prepare "$OCIM_ROOT" "$faces" --datasets O C I M --image-size "$IMAGE_SIZE" \
  --frames "uniform:$FRAMES_PER_VIDEO" --workers "$WORKERS" || (($? == 3))  # 3: some files were no use
say "Prompts in $prompts: leave $TARGET out"
fas-plugin data export "$faces" "$prompts" --protocol "ocim_loo_$TARGET" --prompt "$PROMPT"
exec 8>&-

fas-plugin run start "$RUN" name="$(basename "$RUN")" protocol="ocim_loo_$TARGET" target="$TARGET" \
  model="$MODEL" seed="$SEED" data="$source_name" synthetic="${synthetic:-0}" prompt="$PROMPT" \
  image_size="$IMAGE_SIZE" frames_per_video="$FRAMES_PER_VIDEO" reward_preset="$REWARD_PRESET" \
  eyes_steps="$EYES_STEPS" warm_up_steps="$WARM_UP_STEPS" episodes="$EPISODES" max_prompts="$MAX_PROMPTS" group_size="$GROUP_SIZE" \
  rollout_prompts="$ROLLOUT_PROMPTS" learning_rate="$LEARNING_RATE" kl_coef="$KL_COEF" \
  temperature="$TEMPERATURE" top_p="$TOP_P" max_new_tokens="$MAX_NEW_TOKENS" \
  eval_samples="$EVAL_SAMPLES" eval_temperature="$EVAL_TEMPERATURE"

# --- 2. The policy before training ------------------------------------------------------------------
if [[ $MODEL == tiny && ! -d $RUN/policy ]]; then
  say "Tiny policy: warm-up in language and format, without classes"
  fas-plugin warm-up "$prompts/train.jsonl" "$RUN/policy" \
    --eyes-steps "$EYES_STEPS" --steps "$WARM_UP_STEPS" --seed "$SEED"
fi

# evaluate MODEL NAME [OPTION...]: predictions.parquet, metrics.json and report.html in RUN/NAME, once.
evaluate() {
  local model=$1 name=$2 engine='{"gpu_memory_utilization": 0.8}'
  shift 2
  say "Evaluation $name training"
  ((GPUS)) || engine='{"gpu_memory_utilization": 0.1, "enforce_eager": true}'
  fas-plugin evaluate "$model" "$prompts" "$RUN/$name" --seed "$SEED" --engine "$engine" \
    --samples "$EVAL_SAMPLES" --temperature "$EVAL_TEMPERATURE" --top-p "$TOP_P" \
    --max-new-tokens "$MAX_NEW_TOKENS" --max-model-len "$MAX_LEN" "$@"
}
[[ -e $RUN/before/report.html ]] || evaluate "$actor" before

# reward_agent: prints the agent executor for OpenRLHF, with what Ray's workers on other nodes must know.
reward_agent() {
  python - "$REWARD_URL" "$REWARD_PRESET" <<'PYTHON'
import sys

print(f"""import os

os.environ["FAS_REWARD_URL"], os.environ["FAS_REWARD_PRESET"] = {sys.argv[1]!r}, {sys.argv[2]!r}
from fas_plugin.rewards.frameworks.openrlhf_agent import AgentExecutor""")
PYTHON
}

# --- 3. GRPO ------------------------------------------------------------------------------------------
if [[ ! -e $RUN/training_curves.json ]]; then
  if [[ -z $REWARD_URL ]]; then
    source recipes/reward_server.sh
    if [[ -z $REWARD_HOST ]]; then
      REWARD_HOST=127.0.0.1
      [[ -z ${RAY_ADDRESS:-} ]] || REWARD_HOST=$(hostname -I | cut -d' ' -f1)
    fi
    reward_server_start "$REWARD_HOST" "$REWARD_PORT" "$REWARD_PRESET" "$RUN"
  fi
  reward=(--reward.remote_url "$REWARD_URL")
  if ((REWARD_FALLBACK)); then
    reward=(--train.agent_func_path "$RUN/agent.py")
    reward_agent > "$RUN/agent.py"
  fi
  source recipes/ray.sh
  ray_start "$RUN" "$GPUS"
  say "GRPO: rewards from $REWARD_URL, log in $RUN/train.log"
  "${train[@]}" "${reward[@]}" 2>&1 | tee -a "$RUN/train.log" |
    python recipes/progress.py || fail "training stopped; the end of $RUN/train.log says why. Run the same command to go on from the last checkpoint"
  fas-plugin run collect "$RUN" --base "$actor"
  finish
fi

# --- 4. The policy after training, beside the one before -----------------------------------------------
evaluate "$RUN/checkpoint" after --against "$RUN/before" --training "$RUN"
