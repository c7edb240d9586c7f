# Sourced by the recipes: a Ray of our own. `ray stop` would end every Ray on the machine, so ours
# runs in the foreground of a background job, at its own port and folder, and is ended by its process id.

# ray_start LOG GPUS: exports RAY_ADDRESS. Does nothing when RAY_ADDRESS names a cluster already.
ray_start() {
  local log=$1 gpus=$2
  [[ -n ${RAY_ADDRESS:-} ]] && return
  ((gpus)) || gpus=1  # CPU mode: OpenRLHF asks Ray for a GPU, Ray lends one that does not exist
  ray_folder=$(mktemp -d "${TMPDIR:-/tmp}/fas-ray.XXXXXX")  # short: it holds Unix sockets
  local port
  port=$(python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
  ray start --head --block --node-ip-address 127.0.0.1 --port "$port" --temp-dir "$ray_folder" \
    --num-gpus "$gpus" --num-cpus 16 --object-store-memory 500000000 \
    --include-dashboard=false --disable-usage-stats > "$log" 2>&1 &
  ray_pid=$!
  trap 'ray_stop; [[ $(type -t reward_server_stop) != function ]] || reward_server_stop' EXIT
  local i
  for ((i = 0; i < 120; i++)); do
    grep -q 'Ray runtime started' "$log" && break
    kill -0 "$ray_pid" 2>/dev/null || break
    sleep 0.5
  done
  grep -q 'Ray runtime started' "$log" || fail "Ray did not start; $log says why"
  export RAY_ADDRESS=127.0.0.1:$port
}

ray_stop() {
  [[ -n ${ray_pid:-} ]] || return 0
  kill "$ray_pid" 2>/dev/null || true
  wait "$ray_pid" 2>/dev/null || true
  rm -rf "$ray_folder"
  ray_pid='' RAY_ADDRESS=''
  unset RAY_ADDRESS
}
