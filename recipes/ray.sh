# Sourced by the recipes: a Ray of our own. `ray stop` would end every Ray on the machine, so ours has
# its own port and folder, and its processes (Ray's, OpenRLHF's and vLLM's, all of which inherit the
# environment) are known by the variable FAS_RAY. They are found again even after a `kill -9`.

# ray_start LOG GPUS: exports RAY_ADDRESS. Does nothing when RAY_ADDRESS names a cluster already.
ray_start() {
  local log=$1 gpus=$2 i port
  [[ -n ${RAY_ADDRESS:-} ]] && return
  ray_mark=$(cd "$(dirname "$log")" && pwd)
  ray_stop  # what a killed run has left behind
  ((gpus)) || gpus=1  # CPU mode: OpenRLHF asks Ray for a GPU, Ray lends one that does not exist
  ray_folder=$(mktemp -d "${TMPDIR:-/tmp}/fas-ray.XXXXXX")  # short: it holds Unix sockets
  port=$(python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  export FAS_RAY=$ray_mark
  ray start --head --block --node-ip-address 127.0.0.1 --port "$port" --temp-dir "$ray_folder" \
    --num-gpus "$gpus" --num-cpus 16 --object-store-memory 500000000 \
    --include-dashboard=false --disable-usage-stats > "$log" 2>&1 &
  local pid=$!
  for ((i = 0; i < 120; i++)); do
    grep -q 'Ray runtime started' "$log" && break
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.5
  done
  grep -q 'Ray runtime started' "$log" || fail "Ray did not start; $log says why"
  export RAY_ADDRESS=127.0.0.1:$port
}

# ray_processes: ids of every process that belongs to this run's Ray, but not this shell.
ray_processes() {
  local file
  for file in /proc/[0-9]*/environ; do
    if tr '\0' '\n' 2>/dev/null < "$file" | grep -qxF "FAS_RAY=$ray_mark"; then
      file=${file#/proc/}
      [[ ${file%/environ} == "$$" || ${file%/environ} == "$BASHPID" ]] || echo "${file%/environ}"
    fi
  done
}

ray_stop() {
  [[ -n ${ray_mark:-} ]] || return 0
  unset RAY_ADDRESS FAS_RAY
  local signal ids
  for signal in TERM KILL; do
    ids=$(ray_processes)
    [[ -n $ids ]] || break
    # shellcheck disable=SC2086
    kill -"$signal" $ids 2>/dev/null || true
    sleep 2
  done
  [[ -z ${ray_folder:-} ]] || rm -rf "$ray_folder"
}
