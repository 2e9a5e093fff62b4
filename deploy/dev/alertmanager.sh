# Alertmanager from Debian's package. Unlike Prometheus it has to be installed: the program looks for
# its templates below /usr/share and nowhere else. The service of the package stays switched off.
# shellcheck shell=bash

ALERTMANAGER_PORT=${TRESPASS_ALERTMANAGER_PORT:-29093}
ALERTMANAGER_VERSION=0.25
ALERTMANAGER_PROGRAM=/usr/bin/prometheus-alertmanager
ALERTMANAGER_HOME=$DEV/alertmanager

alertmanager_install() {
  if [[ ! -x $ALERTMANAGER_PROGRAM ]]; then
    if [[ $(id -u) -eq 0 ]]; then
      without_services apt_install Alertmanager prometheus-alertmanager
      # Not at the next boot either.
      update-rc.d prometheus-alertmanager disable >&2
    else
      apt_install Alertmanager prometheus-alertmanager
    fi
  fi
  alertmanager_version_ok || die "$ALERTMANAGER_PROGRAM is not version $ALERTMANAGER_VERSION (Debian 12), for which the tests are written"
}

alertmanager_version_ok() {
  [[ $("$ALERTMANAGER_PROGRAM" --version 2>&1) == "alertmanager, version $ALERTMANAGER_VERSION."* ]]
}

alertmanager_start() {
  local config=${TRESPASS_ALERTMANAGER_CONFIG:-$ROOT/deploy/alertmanager/alertmanager.yaml}
  local log=$ALERTMANAGER_HOME/alertmanager.log
  if ! running alertmanager; then
    port_is_free "$ALERTMANAGER_PORT" TRESPASS_ALERTMANAGER_PORT
    mkdir -p "$ALERTMANAGER_HOME/data"
    # One alone: no gossip port.
    launch alertmanager "$log" "$ALERTMANAGER_PROGRAM" \
      "--config.file=$config" \
      "--storage.path=$ALERTMANAGER_HOME/data" \
      "--web.listen-address=127.0.0.1:$ALERTMANAGER_PORT" \
      --cluster.listen-address=
  fi
  await alertmanager 60 "$log" answers "http://127.0.0.1:$ALERTMANAGER_PORT/-/ready"
  say "alertmanager answers on 127.0.0.1:$ALERTMANAGER_PORT"
}

alertmanager_stop() { halt alertmanager 20; }
alertmanager_reset() {
  alertmanager_stop
  rm -rf "$ALERTMANAGER_HOME/data"
}
alertmanager_status() { server_status alertmanager "127.0.0.1:$ALERTMANAGER_PORT"; }
alertmanager_env() {
  export_line TRESPASS_ALERTMANAGER_URL "http://127.0.0.1:$ALERTMANAGER_PORT"
}
