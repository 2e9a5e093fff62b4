# Starting, waiting for and stopping servers.
#
# A pid file holds the process id and the time the kernel started it, so that a process which
# got an old id by chance is never taken for ours, and never killed.
# shellcheck shell=bash

# born PID: the kernel's start time of a process (field 22 of stat; the name before it may
# hold blanks and brackets). Nothing for a process that is gone or a zombie.
born() {
  local stat
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
  stat=${stat##*) }
  # shellcheck disable=SC2086 # the fields are split on purpose
  set -- $stat
  [[ $1 == Z ]] || printf '%s\n' "${20}"
}

pid_file() { printf '%s/run/%s.pid' "$DEV" "$1"; }

# pid_of NAME: the process id if our process runs, else nothing.
pid_of() {
  local pid started
  read -r pid started 2>/dev/null <"$(pid_file "$1")" || return 0
  if [[ -n $started && $(born "$pid") == "$started" ]]; then printf '%s\n' "$pid"; fi
}

running() { [[ -n $(pid_of "$1") ]]; }

# listening PORT: whether something accepts connections on the loopback port.
listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# port_is_free PORT VARIABLE: end with what to do if another program has the port.
port_is_free() {
  ! listening "$1" || die "port $1 is taken by another program; set $2 to a free one"
}

# launch NAME LOG COMMAND...: start a server in the background, in a session of its own.
launch() {
  local name=$1 log=$2 pid
  shift 2
  mkdir -p "$DEV/run" "$(dirname "$log")"
  setsid "$@" </dev/null >"$log" 2>&1 9>&- &
  pid=$!
  printf '%s %s\n' "$pid" "$(born "$pid")" >"$(pid_file "$name")"
}

# await NAME SECONDS LOG COMMAND...: until the command succeeds. Ends with the end of the log
# if the process dies or the time is up; a process that does not answer is stopped again.
await() {
  local name=$1 seconds=$2 log=$3 deadline
  shift 3
  deadline=$((SECONDS + seconds))
  until "$@"; do
    running "$name" || fail_with_log "$log" "$name ended while starting"
    if ((SECONDS >= deadline)); then
      halt "$name" 5
      fail_with_log "$log" "$name did not answer within $seconds s and was stopped"
    fi
    sleep 0.1
  done
}

fail_with_log() {
  printf 'dev: the last lines of %s:\n' "$1" >&2
  tail -n 20 "$1" | sed 's/^/  | /' >&2 || true
  die "$2"
}

# halt NAME SECONDS: TERM, and KILL when the time is up. Nothing happens if it does not run.
halt() {
  local name=$1 seconds=$2 pid deadline
  pid=$(pid_of "$name")
  if [[ -n $pid ]]; then
    kill -TERM "$pid" 2>/dev/null || true
    deadline=$((SECONDS + seconds))
    while running "$name" && ((SECONDS < deadline)); do sleep 0.05; done
    if running "$name"; then
      say "$name did not stop within $seconds s; killing process $pid"
      kill -KILL "$pid" 2>/dev/null || true
      while running "$name"; do sleep 0.05; done
    fi
    say "$name stopped"
  fi
  rm -f "$(pid_file "$name")"
}

# server_status NAME WHERE: the status line of a server.
server_status() {
  local pid
  pid=$(pid_of "$1")
  if [[ -n $pid ]]; then
    status_line "$1" running "$2, process $pid"
  else
    status_line "$1" stopped "$2"
    return 1
  fi
}

# answers URL: whether a loopback HTTP server answers 200. Done by the shell itself, because a
# bare machine has no curl.
answers() {
  local port=${1#http://127.0.0.1:} path line
  path=/${port#*/}
  port=${port%%/*}
  line=$(
    exec 2>/dev/null 3<>"/dev/tcp/127.0.0.1/$port" || exit 0
    printf 'GET %s HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n' "$path" >&3
    read -r -t 2 line <&3 || true
    printf '%s' "$line"
  )
  [[ $line == HTTP/1.*\ 200\ * ]]
}
