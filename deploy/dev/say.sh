# How the dev scripts speak. Everything but the answers of `status` and `env` goes to
# standard error.
# shellcheck shell=bash

say() { printf 'dev: %s\n' "$*" >&2; }

die() {
  printf 'dev: error: %s\n' "$*" >&2
  exit 1
}

# export_line NAME VALUE: one line of `dev env`, quoted for the shell where it must be.
export_line() { printf 'export %s=%q\n' "$1" "$2"; }

# status_line PART STATE DETAIL: one line of `dev status`.
status_line() { printf '%-13s %-9s %s\n' "$1" "$2" "$3"; }
