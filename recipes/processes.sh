# Sourced by the recipes: the processes of a run, known by the variable FAS_RUN in their environment.
# It is inherited by all that Ray, OpenRLHF and vLLM start, in whatever session or process group, so
# they are found again even after a `kill -9` of the recipe. Its value is FOLDER#PID of the recipe.

# claim_run FOLDER: fails when another recipe works on it; ends what a killed one has left behind.
claim_run() {
  mkdir -p "$1"
  local folder pid owner
  folder=$(cd "$1" && pwd)
  for pid in $(processes_with "FAS_RUN=$folder#[0-9]+"); do
    # A process of a run just killed may end at this moment.
    owner=$(tr '\0' '\n' 2>/dev/null < "/proc/$pid/environ" | sed -n 's/^FAS_RUN=.*#//p') || continue
    if [[ -n $owner ]] && grep -qaF recipes/ "/proc/$owner/cmdline" 2>/dev/null; then
      fail "$1 is in use by process $owner; wait for it, or give RUN=another/folder"
    fi
  done
  end_processes "FAS_RUN=$folder#[0-9]+"
  export FAS_RUN=$folder#$$
}

# processes_with PATTERN: ids of the processes whose environment has a whole variable like that.
processes_with() (
  unset FAS_RUN  # or grep would find itself
  grep -lzsxE -- "$1" /proc/[0-9]*/environ | sed 's|/proc/\([0-9]*\)/environ|\1|' || true
)

# end_processes [PATTERN]: ends them, by force after five seconds. By default those of this run.
end_processes() {
  local pattern=${1:-"FAS_RUN=$FAS_RUN"} signal=TERM ids i
  for ((i = 0; i < 25; i++)); do
    ids=$(processes_with "$pattern")
    [[ -n $ids ]] || return 0
    # shellcheck disable=SC2086
    ((i % 10)) || kill -"$signal" $ids 2>/dev/null || true
    signal=KILL
    sleep 0.5
  done
}
