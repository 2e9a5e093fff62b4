# The ClickHouse engine as a library, from npm. bin/trespass-clickhouse is the server that loads it;
# nothing is started here.
# shellcheck shell=bash

CLICKHOUSE_PACKAGE=@chdb/lib-linux-x64-gnu@26.5.3
# The package's own integrity value, as the registry gives it (sha512, base64).
CLICKHOUSE_INTEGRITY='fPrLmRt5Moor9yGz4mazbrNje4t7X9KB2mTGkXFWRxRBs2iKy8yh6jx11xsa0Qr3iDFMU/yHqd+bVdYJXu3QaQ=='
CLICKHOUSE_SUM=$HERE/libchdb.sha256
CLICKHOUSE_LIBRARY=$DEV/clickhouse/libchdb.so

clickhouse_install() {
  if ! clickhouse_supported; then
    say "no engine library is published for $(uname -s) $(uname -m): scan and demo work without it and say what is not stored"
    return 0
  fi
  clickhouse_library_ok && return 0
  clickhouse_fetch
  clickhouse_library_ok ||
    die "$CLICKHOUSE_LIBRARY is not the library of $CLICKHOUSE_SUM; it must not be loaded"
}

clickhouse_supported() { [[ $(uname -s) == Linux && $(uname -m) == x86_64 ]]; }

# clickhouse_library_ok: whether the library is the pinned one. Hashing its 559 MB takes seconds, so the
# file that passed is remembered by digest, size, inode and times; one that changed is hashed again.
clickhouse_library_ok() {
  local mark=$CLICKHOUSE_LIBRARY.checked want seen
  [[ -f $CLICKHOUSE_LIBRARY ]] || return 1
  want=$(awk '!/^#/ { print $1 }' "$CLICKHOUSE_SUM")
  seen="$want $(stat -c '%s %i %Y %Z' "$CLICKHOUSE_LIBRARY")"
  [[ -f $mark && $(cat "$mark") == "$seen" ]] && return 0
  digest_is sha256 "$want" "$CLICKHOUSE_LIBRARY" || return 1
  printf '%s\n' "$seen" >"$mark"
}

clickhouse_fetch() {
  local work=$DEV/clickhouse/fetch tgz want
  command -v npm >/dev/null || [[ $(id -u) -eq 0 ]] ||
    die "the engine library comes from npm, which is missing. Run: sudo apt-get install --no-install-recommends npm"
  need npm npm
  rm -rf "$work"
  mkdir -p "$work"
  (($(free_mb "$work") >= 800)) || die "unpacking the engine library needs 800 MB below $DEV; there are $(free_mb "$work")"
  say "fetching $CLICKHOUSE_PACKAGE (167 MB)"
  retry clickhouse_pack "$work" || die "npm could not fetch $CLICKHOUSE_PACKAGE; its own words are above"
  tgz=$(echo "$work"/*.tgz)
  want=$(printf '%s' "$CLICKHOUSE_INTEGRITY" | base64 -d | od -An -v -tx1 | tr -d ' \n')
  digest_is sha512 "$want" "$tgz" ||
    die "$tgz is not the package that was pinned (sha512 differs); it was not unpacked"
  tar -xzf "$tgz" -C "$work" package/libchdb.so
  # Into place in one step, so that a process which has the old file open keeps it whole.
  mv -f "$work/package/libchdb.so" "$CLICKHOUSE_LIBRARY"
  rm -rf "$work"
}

clickhouse_pack() { (cd "$1" && rm -f ./*.tgz && npm pack --silent "$CLICKHOUSE_PACKAGE" </dev/null >&2); }

clickhouse_status() {
  if clickhouse_library_ok; then
    status_line clickhouse installed "$CLICKHOUSE_LIBRARY"
  else
    status_line clickhouse missing "$CLICKHOUSE_LIBRARY"
    return 1
  fi
}

clickhouse_env() { export_line TRESPASS_LIBCHDB "$CLICKHOUSE_LIBRARY"; }
