#!/usr/bin/env bash
#
# Runs every fuzz target of the module, one after the other, each for FUZZTIME (10s). Stops at the
# first that fails; Go has then written the failing input below that package's testdata/fuzz.
#
# When the time is up, Go 1.26 and older now and then call a target failed with nothing but
# "context deadline exceeded" (golang.org/issue/75804): no input failed. Such a run, and no other,
# counts for nothing and is made again, up to three times in all.

set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

FUZZTIME=${FUZZTIME:-10s}

said=$(mktemp)
trap 'rm -f "$said"' EXIT

# Whether a failed run is Go's own mistake: the lines below "--- FAIL" say so, and nothing else.
only_the_deadline() {
  ! grep -qE 'Failing input written|panic|hung or terminated|DATA RACE' "$said" &&
    [[ $(awk '/^--- FAIL: Fuzz/ { on = 1; next } /^FAIL/ { on = 0 } on' "$said") == "    context deadline exceeded" ]]
}

# Fuzzes one target of one folder.
fuzz() {
  local try
  for try in 1 2 3; do
    if go test -run '^$' -fuzz "^$1\$" -fuzztime "$FUZZTIME" "./$2" >"$said" 2>&1; then
      cat "$said"
      return 0
    elif ! only_the_deadline; then
      cat "$said"
      return 1
    fi
    # Set off, so that nobody takes it for the failure of a test.
    sed 's/^/  | /' "$said"
    echo "fuzz: no input failed, Go stopped its workers too late (try $try of 3)"
  done
  return 1
}

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
    fuzz "$target" "$folder"
    count=$((count + 1))
  done <<<"$listed"
done
echo "fuzz: $count targets, $FUZZTIME each"
