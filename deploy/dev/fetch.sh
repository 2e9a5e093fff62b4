# Getting things from the network: a few tries, digests, Debian packages.
# shellcheck shell=bash

# retry COMMAND...: up to three tries with a pause between; the last result counts.
retry() {
  local try
  for try in 1 2; do
    "$@" && return 0
    say "try $try of 3 failed: $1 ${2-}; once more in $((try * 5)) s"
    sleep $((try * 5))
  done
  "$@"
}

# need COMMAND PACKAGE...: make sure a command exists, from Debian's packages if need be.
need() {
  local command=$1
  shift
  command -v "$command" >/dev/null || apt_install "$command" "$@"
  hash -r
  command -v "$command" >/dev/null || die "$command is still missing after installing: $*"
}

# apt_install WHY PACKAGE...: install Debian packages, as root only.
apt_install() {
  local why=$1
  shift
  command -v apt-get >/dev/null ||
    die "$why is missing, and this is no Debian machine: install it by hand (Debian calls it: $*)"
  [[ $(id -u) -eq 0 ]] ||
    die "$why is missing. Run: sudo apt-get install --no-install-recommends $*"
  say "installing $* for $why"
  apt_try apt_quietly install --no-install-recommends "$@"
}

# with_file FILE MODE CONTENT COMMAND...: the command, with a file of the machine in place that is taken
# away, or put back as it was, afterwards.
with_file() (
  file=$1 mode=$2 content=$3
  shift 3
  saved=$file.before-trespass
  mkdir -p "$(dirname "$file")"
  [[ ! -e $file ]] || mv "$file" "$saved"
  trap 'rm -f "$file"; [[ ! -e $saved ]] || mv "$saved" "$file"' EXIT
  printf '%s\n' "$content" >"$file"
  chmod "$mode" "$file"
  "$@"
)

# without_services COMMAND...: the command, while Debian's packages are told to start no service.
without_services() { with_file /usr/sbin/policy-rc.d 755 $'#!/bin/sh\nexit 101' "$@"; }

# apt_download FOLDER PACKAGE: fetch a package into a folder without installing it. Needs no root.
# The archive's signature, and through it the package's digest, is checked by apt.
apt_download() {
  command -v apt-get >/dev/null || die "$2 comes from Debian's packages, and this is no Debian machine"
  apt_try apt_into "$1" "$2"
}

apt_into() { (cd "$1" && apt-get -q -o APT::Sandbox::User=root download "$2" >&2); }

apt_quietly() {
  DEBIAN_FRONTEND=noninteractive apt-get -y -q -o DPkg::Lock::Timeout=300 "$@" </dev/null >&2
}

# apt_try COMMAND...: as it is; if that fails, with fresh package lists. The lists are fetched
# at most once in a call.
APT_UPDATED=
apt_try() {
  "$@" && return 0
  if [[ -z $APT_UPDATED && $(id -u) -eq 0 ]]; then
    APT_UPDATED=yes
    retry apt_quietly update || die "apt-get update failed three times; see above"
  fi
  retry "$@" || die "apt could not get ${*: -1}; its own words are above"
}

# digest_is ALGORITHM HEX FILE: whether the file has the digest. ALGORITHM is sha256 or sha512.
digest_is() {
  [[ $("${1}sum" "$3" | cut -d' ' -f1) == "$2" ]]
}

# free_mb FOLDER: free space in MB.
free_mb() { df -Pm "$1" | awk 'NR == 2 { print $4 }'; }
