# Sourced by the recipes: a Ray of our own. `ray stop` would end every Ray on the machine, so ours has
# its own port and folder, and ends with the other processes of the run (processes.sh).

# ray_start RUN GPUS: exports RAY_ADDRESS. Does nothing when RAY_ADDRESS names a cluster already.
ray_start() {
  local log=$1/ray.log gpus=$2 i port
  [[ -n ${RAY_ADDRESS:-} ]] && return
  ((gpus)) || gpus=1  # CPU mode: OpenRLHF asks Ray for a GPU, Ray lends one that does not exist
  # Short, as it holds Unix sockets; the same for each start, which clears what a killed one has left.
  ray_folder=${TMPDIR:-/tmp}/fas-ray.$(cksum <<< "$UID $1" | cut -d' ' -f1)
  rm -rf "$ray_folder"
  mkdir -m 700 "$ray_folder" || fail "cannot make the folder $ray_folder for Ray"
  port=$(free_port)
  ray start --head --block --node-ip-address 127.0.0.1 --port "$port" --temp-dir "$ray_folder" \
    --num-gpus "$gpus" --num-cpus 16 --object-store-memory 500000000 \
    --include-dashboard=false --disable-usage-stats > "$log" 2>&1 &
  local pid=$!
  for ((i = 0; i < 240; i++)); do
    grep -qs 'Ray runtime started' "$log" && break
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.25
  done
  grep -qs 'Ray runtime started' "$log" || fail "Ray did not start; $log says why"
  export RAY_ADDRESS=127.0.0.1:$port
}
