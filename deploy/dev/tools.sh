# The Go programs of `make check` and `make bench`, built from pinned versions into one folder.
# Go's own checksum database checks what is fetched.
# shellcheck shell=bash

TOOLS_BIN=$DEV/bin
TOOLS=(
  honnef.co/go/tools/cmd/staticcheck@v0.8.2 # 2026.2.2
  golang.org/x/perf/cmd/benchstat@v0.0.0-20260908200009-22c9c6c9d4da
)

tools_install() {
  command -v go >/dev/null || die "go is missing; install the version that go.mod names"
  [[ -e /etc/ssl/certs/ca-certificates.crt ]] || apt_install "the list of certificate authorities" ca-certificates
  # The race detector is C: go test -race cannot link without a compiler.
  need gcc gcc libc6-dev
  local tool
  for tool in "${TOOLS[@]}"; do
    tool_ok "$tool" && continue
    say "building $tool"
    retry env "GOBIN=$TOOLS_BIN" CGO_ENABLED=0 GOFLAGS=-trimpath go install "$tool" >&2 || die "$tool could not be built"
    printf '%s %s\n' "$tool" "$(go env GOVERSION)" >"$TOOLS_BIN/.$(tool_name "$tool")"
  done
}

tool_name() {
  local path=${1%@*}
  printf '%s\n' "${path##*/}"
}

# tool_ok TOOL: whether it was built from this version by this Go.
tool_ok() {
  local name
  name=$(tool_name "$1")
  [[ -x $TOOLS_BIN/$name && -f $TOOLS_BIN/.$name && $(cat "$TOOLS_BIN/.$name") == "$1 $(go env GOVERSION)" ]]
}

tools_status() {
  local tool result=0
  for tool in "${TOOLS[@]}"; do
    if tool_ok "$tool"; then
      status_line tools installed "$TOOLS_BIN/$(tool_name "$tool")"
    else
      status_line tools missing "$TOOLS_BIN/$(tool_name "$tool")"
      result=1
    fi
  done
  return "$result"
}

tools_env() { export_line TRESPASS_TOOLS "$TOOLS_BIN"; }
