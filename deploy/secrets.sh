#!/usr/bin/env bash
#
# Makes the secret files of docker-compose.yml that are not there yet. `make secrets` calls it.
# Usage: deploy/secrets.sh [FOLDER]

set -euo pipefail

FOLDER=${1:-$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)/secrets}

# The folder is closed to others, the files in it are not: Docker mounts a file with its own rights, and
# the users inside the containers are not the one who calls this.
mkdir -p "$FOLDER"
chmod 700 "$FOLDER"

password() {
  local file=$FOLDER/$1
  [[ -s $file ]] && return 0
  head -c 24 /dev/urandom | base64 | tr '+/' '-_' | tr -d '\n' >"$file.new"
  chmod 444 "$file.new"
  mv "$file.new" "$file"
  echo "made $file"
}

password clickhouse_password
