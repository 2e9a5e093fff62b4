# Postgres 15 with pgaudit from Debian's packages: a cluster of our own beside any that the
# machine has, writing all three log formats. Superuser `postgres`, no password, loopback only.
# shellcheck shell=bash

POSTGRES_PORT=${TRESPASS_POSTGRES_PORT:-25432}
POSTGRES_BIN=/usr/lib/postgresql/15/bin
POSTGRES_AUDIT=/usr/lib/postgresql/15/lib/pgaudit.so

postgres_install() {
  local packages=()
  # What is there stays as it is: naming an installed package would upgrade it.
  [[ -x $POSTGRES_BIN/postgres ]] || packages+=(postgresql-15)
  [[ -f $POSTGRES_AUDIT ]] || packages+=(postgresql-15-pgaudit)
  [[ ${#packages[@]} -gt 0 ]] || return 0
  if [[ $(id -u) -eq 0 ]]; then
    # Debian's package would make a cluster called main and start it, now and at each boot.
    without_services with_file /etc/postgresql-common/createcluster.d/trespass.conf 644 'create_main_cluster = false' \
      apt_install "Postgres 15 with pgaudit" "${packages[@]}"
  else
    apt_install "Postgres 15 with pgaudit" "${packages[@]}"
  fi
  [[ -x $POSTGRES_BIN/postgres && -f $POSTGRES_AUDIT ]] ||
    die "Postgres 15 or pgaudit is still missing below /usr/lib/postgresql/15"
}

# Postgres refuses to run as root; then it runs as the user that Debian's package made.
as_postgres() {
  if [[ $(id -u) -eq 0 ]]; then
    (cd / && exec runuser -u postgres -- "$@")
  else
    "$@"
  fi
}

# postgres_home: the folder of the cluster. It is below $DEV, except where the user postgres could not reach
# it or where the path of the socket in it would be too long for the kernel (107 bytes).
postgres_home() {
  local home=$DEV/postgres
  if ((${#home} > 80)) || ! as_postgres test -x "$DEV" 2>/dev/null; then
    home=/var/tmp/trespass-postgres-$(id -u)-$(printf '%s' "$DEV" | cksum | cut -d' ' -f1)
  fi
  printf '%s\n' "$home"
}

postgres_start() {
  local home log
  mkdir -p "$DEV"
  home=$(postgres_home)
  log=$home/log/start.log
  [[ $home == "$DEV"/* ]] || say "postgres keeps its files in $home, because $DEV is out of reach for its user or too long a path"
  if ! postgres_running; then
    port_is_free "$POSTGRES_PORT" TRESPASS_POSTGRES_PORT
    postgres_folders "$home"
    [[ -f $home/data/PG_VERSION ]] || postgres_make_cluster "$home"
    postgres_settings "$home" >"$home/trespass.conf"
    as_postgres "$POSTGRES_BIN/pg_ctl" -D "$home/data" -l "$log" -w -t 60 start </dev/null >/dev/null 2>&1 9>&- ||
      fail_with_log "$log" "postgres did not start; more may stand in $home/log/postgresql.log"
    # In the template, so that every database made later has it. Without it the audit of DDL
    # names no objects.
    as_postgres "$POSTGRES_BIN/psql" -X -q -h "$home/run" -p "$POSTGRES_PORT" -U postgres -d template1 \
      -c 'SET client_min_messages = error' -c 'CREATE EXTENSION IF NOT EXISTS pgaudit' >&2
  fi
  say "postgres answers on 127.0.0.1:$POSTGRES_PORT, logs in $home/log"
}

# postgres_folders HOME: HOME/log and HOME/run can be read by everyone, HOME/data is made by initdb.
postgres_folders() {
  [[ ! -L $1 ]] || die "$1 is a symbolic link; remove it"
  mkdir -p "$1/log" "$1/run"
  chmod 755 "$1" "$1/log" "$1/run"
  [[ $(id -u) -ne 0 ]] || chown postgres "$1" "$1/log" "$1/run"
}

postgres_make_cluster() {
  local home=$1
  as_postgres "$POSTGRES_BIN/initdb" -D "$home/data" -U postgres --auth=trust --encoding=UTF8 --locale=C.UTF-8 \
    </dev/null >"$home/log/initdb.log" 2>&1 || fail_with_log "$home/log/initdb.log" "the Postgres cluster could not be made"
  printf "include '%s/trespass.conf'\n" "$home" >>"$home/data/postgresql.conf"
}

postgres_settings() {
  cat <<EOF
# Written by deploy/dev/dev at each start.
listen_addresses = '127.0.0.1'
port = $POSTGRES_PORT
unix_socket_directories = '$1/run'
# A cluster of tests need not survive a power cut.
fsync = off
timezone = 'UTC'
log_timezone = 'UTC'

# One file of each format, for ever: postgresql.csv, postgresql.json, postgresql.log.
logging_collector = on
log_destination = 'csvlog,jsonlog,stderr'
log_directory = '$1/log'
log_filename = 'postgresql.log'
log_file_mode = 0644
log_rotation_age = 0
log_rotation_size = 0
log_line_prefix = '%m [%p] %q%u@%d '

shared_preload_libraries = 'pgaudit'
pgaudit.log = 'read,write,function,role,ddl,misc'
pgaudit.log_parameter = on
pgaudit.log_relation = on
pgaudit.log_rows = on
pgaudit.log_catalog = off
EOF
}

# pg_ctl knows its own server: it reads and checks postmaster.pid itself.
postgres_running() {
  local home
  home=$(postgres_home)
  [[ -f $home/data/PG_VERSION ]] && as_postgres "$POSTGRES_BIN/pg_ctl" -D "$home/data" status >/dev/null 2>&1
}

postgres_stop() {
  postgres_running || return 0
  local data
  data=$(postgres_home)/data
  as_postgres "$POSTGRES_BIN/pg_ctl" -D "$data" -m fast -w -t 20 stop >/dev/null 2>&1 ||
    as_postgres "$POSTGRES_BIN/pg_ctl" -D "$data" -m immediate -w -t 20 stop >&2
  say "postgres stopped"
}

postgres_reset() {
  postgres_stop
  rm -rf "$(postgres_home)"
}

postgres_status() {
  local where home
  where="127.0.0.1:$POSTGRES_PORT"
  if [[ ! -x $POSTGRES_BIN/postgres || ! -f $POSTGRES_AUDIT ]]; then
    status_line postgres missing "$where"
    return 1
  fi
  if ! postgres_running; then
    status_line postgres stopped "$where"
    return 1
  fi
  home=$(postgres_home)
  status_line postgres running "$where, process $(postgres_pid "$home")"
}

# The data folder belongs to another user than the one who asks.
postgres_pid() { as_postgres head -n 1 "$1/data/postmaster.pid"; }

postgres_env() {
  local home
  home=$(postgres_home)
  export_line PGHOST 127.0.0.1
  export_line PGPORT "$POSTGRES_PORT"
  export_line PGUSER postgres
  export_line PGDATABASE postgres
  export_line TRESPASS_POSTGRES_LOGS "$home/log"
}
