# Prometheus and promtool from Debian's package. It is unpacked, not installed: no service of the
# machine is made or started, and no root is needed.
# shellcheck shell=bash

PROMETHEUS_PORT=${TRESPASS_PROMETHEUS_PORT:-29090}
METRICS_PORT=${TRESPASS_METRICS_PORT:-9464}
PROMETHEUS_VERSION=2.42.0
PROMETHEUS_HOME=$DEV/prometheus

# Debian's own suffix of the version, which names its security fixes, may move.
prometheus_install() {
  local work=$PROMETHEUS_HOME/fetch got
  prometheus_installed && return 0
  rm -rf "$work"
  mkdir -p "$work/root" "$DEV/bin"
  say "fetching Debian's prometheus"
  apt_download "$work" prometheus
  got=$(dpkg-deb --field "$work"/*.deb Version)
  [[ $got == "$PROMETHEUS_VERSION"[+~-]* ]] ||
    die "Debian offers prometheus $got here; the tests are written for $PROMETHEUS_VERSION (Debian 12)"
  dpkg-deb --extract "$work"/*.deb "$work/root"
  mv -f "$work/root/usr/bin/prometheus" "$work/root/usr/bin/promtool" "$DEV/bin/"
  printf '%s\n' "$got" >"$DEV/bin/.prometheus"
  rm -rf "$work"
}

prometheus_installed() {
  [[ -x $DEV/bin/prometheus && -x $DEV/bin/promtool && -f $DEV/bin/.prometheus ]] &&
    [[ $(cat "$DEV/bin/.prometheus") == "$PROMETHEUS_VERSION"[+~-]* ]]
}

prometheus_start() {
  local config=${TRESPASS_PROMETHEUS_CONFIG:-} log=$PROMETHEUS_HOME/prometheus.log
  if ! running prometheus; then
    port_is_free "$PROMETHEUS_PORT" TRESPASS_PROMETHEUS_PORT
    mkdir -p "$PROMETHEUS_HOME/data"
    if [[ -z $config ]]; then
      config=$PROMETHEUS_HOME/prometheus.yaml
      prometheus_config >"$config"
    fi
    # The lifecycle calls let a test reload the configuration; they listen on loopback only.
    launch prometheus "$log" "$DEV/bin/prometheus" \
      "--config.file=$config" \
      "--storage.tsdb.path=$PROMETHEUS_HOME/data" \
      "--web.listen-address=127.0.0.1:$PROMETHEUS_PORT" \
      --web.enable-lifecycle
  fi
  await prometheus 60 "$log" answers "http://127.0.0.1:$PROMETHEUS_PORT/-/ready"
  say "prometheus answers on 127.0.0.1:$PROMETHEUS_PORT"
}

# prometheus_config: the shipped configuration with the ports of this clone, and its rules by their
# full path, because it is written to another folder.
prometheus_config() {
  sed -e "s|127\.0\.0\.1:9464|127.0.0.1:$METRICS_PORT|" \
    -e "s|127\.0\.0\.1:9093|127.0.0.1:$ALERTMANAGER_PORT|" \
    -e "s|rules\.yaml|$ROOT/deploy/prometheus/rules.yaml|" \
    "$ROOT/deploy/prometheus/prometheus.yaml"
}

prometheus_stop() { halt prometheus 20; }
prometheus_reset() {
  prometheus_stop
  rm -rf "$PROMETHEUS_HOME/data"
}
prometheus_status() { server_status prometheus "127.0.0.1:$PROMETHEUS_PORT"; }
prometheus_env() {
  export_line TRESPASS_PROMETHEUS_URL "http://127.0.0.1:$PROMETHEUS_PORT"
  export_line TRESPASS_PROMTOOL "$DEV/bin/promtool"
}
