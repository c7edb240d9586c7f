# Sourced by the recipes: runs the reward server beside a training, and keeps it running.
#
#   reward_server_start PORT PRESET LOG   starts it (port 0: any free one), waits until it answers,
#                                         and sets REWARD_URL
#   reward_server_stop                    ends it
#
# OpenRLHF gives a completion up after five tries, one second apart, and then crashes. So a server
# that dies is started again at once, on the same port.

reward_server_start() {
  local port=$1 preset=$2 log=$3
  if ((port == 0)); then
    port=$(free_port)
  elif (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
    fail "port $port is in use; choose another with REWARD_PORT, or leave it empty for a free one"
  fi
  # In a subshell of its own, so that one signal ends the loop and the server with it. The loop also
  # ends when the recipe has been killed outright.
  (
    trap 'kill $(jobs -p) 2>/dev/null; wait; exit 0' TERM INT
    while kill -0 $$ 2>/dev/null; do
      fas-plugin serve --port "$port" --preset "$preset" &
      wait $! || true
      echo "$(date +%H:%M:%S) the reward server died; starting it again"
      sleep 0.2
    done
  ) >> "$log" 2>&1 &
  reward_server_pid=$!
  REWARD_URL=http://127.0.0.1:$port/get_reward
  local i
  for ((i = 0; i < 150; i++)); do
    (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && return
    kill -0 "$reward_server_pid" 2>/dev/null || break
    sleep 0.1
  done
  fail "the reward server does not answer on port $port; $log says why"
}

reward_server_stop() {
  [[ -n ${reward_server_pid:-} ]] || return 0
  kill "$reward_server_pid" 2>/dev/null || true
  wait "$reward_server_pid" 2>/dev/null || true
  reward_server_pid=''
}
