# Sourced by the recipes: runs the reward server beside a training, and keeps it running.
#
#   reward_server_start HOST PORT PRESET RUN   starts it (port 0: any free one), waits until it is
#                                              ready, and sets REWARD_URL; it records every reward in
#                                              RUN/rewards/
#   reward_server_stop                         ends it
#
# OpenRLHF gives a completion up after five tries, one second apart, and then crashes. So a server
# that dies is started again at once, on the same port.

reward_server_start() {
  local host=$1 port=$2 preset=$3 run=$4 log=$4/reward_server.log
  if ((port == 0)); then
    port=$(free_port)
  elif (exec 3<>"/dev/tcp/$host/$port") 2>/dev/null; then
    fail "port $port is in use; choose another with REWARD_PORT, or leave it empty for a free one"
  fi
  # In a subshell of its own, so that one signal ends the loop and the server with it. The loop also
  # ends when the recipe has been killed outright.
  (
    trap 'kill $(jobs -p) 2>/dev/null; wait; exit 0' TERM INT
    while kill -0 $$ 2>/dev/null; do
      fas-plugin serve --host "$host" --port "$port" --preset "$preset" --record "$run/rewards" --record-text &
      wait $! || true
      echo "$(date +%H:%M:%S) the reward server died; starting it again"
      sleep 0.2
    done
  ) >> "$log" 2>&1 &
  reward_server_pid=$!
  REWARD_URL=http://$host:$port/get_reward
  local i
  for ((i = 0; i < 600; i++)); do
    reward_server_ready "$host" "$port" && return
    kill -0 "$reward_server_pid" 2>/dev/null || break
    sleep 0.1
  done
  fail "the reward server does not answer on $host:$port; $log says why"
}

# reward_server_ready HOST PORT: whether it says so itself.
reward_server_ready() (
  exec 2>/dev/null
  exec 3<>"/dev/tcp/$1/$2" || exit 1
  printf 'GET /readyz HTTP/1.0\r\n\r\n' >&3
  read -r -t 5 status <&3 || exit 1
  [[ $status == *' 200 '* ]]
)

reward_server_stop() {
  [[ -n ${reward_server_pid:-} ]] || return 0
  kill "$reward_server_pid" 2>/dev/null || true
  wait "$reward_server_pid" 2>/dev/null || true
  reward_server_pid=''
}
