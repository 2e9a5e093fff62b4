#!/usr/bin/env bash
#
# Runs every fuzz target of the module, one after the other, each for FUZZTIME (10s). Stops at the
# first that fails; Go has then written the failing input below that package's testdata/fuzz.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

FUZZTIME=${FUZZTIME:-10s}

# Asking `go test -list` of a package compiles its tests: only those with a target are asked.
mapfile -t folders < <(
  { grep -rlE --include='*_test.go' '^func Fuzz' cmd deploy detect ingest sink || true; } |
    while read -r file; do dirname "$file"; done | sort -u
)
((${#folders[@]} > 0)) || { echo "fuzz: no fuzz target was found" >&2; exit 1; }

count=0
for folder in "${folders[@]}"; do
  listed=$(go test -list '^Fuzz' "./$folder")
  while read -r target; do
    [[ $target == Fuzz* ]] || continue
    echo "fuzz: $target in $folder, $FUZZTIME"
    go test -run '^$' -fuzz "^$target\$" -fuzztime "$FUZZTIME" "./$folder"
    count=$((count + 1))
  done <<<"$listed"
done
echo "fuzz: $count targets, $FUZZTIME each"
