# Apache Kafka 4.1.0 from its published jars, KRaft. One broker (part kafka), or three that
# elect leaders among themselves (part kafka3). Each has its own ports and data, so both can run.
# shellcheck shell=bash

KAFKA_PORT=${TRESPASS_KAFKA_PORT:-29192}
KAFKA3_PORT=${TRESPASS_KAFKA3_PORT:-29292}
KAFKA_HOME=$DEV/kafka
KAFKA_SUMS=$HERE/kafka.sha256

kafka_install() {
  need java openjdk-17-jre-headless
  kafka_jars_ok "$KAFKA_HOME/jars" && return 0
  need mvn maven openjdk-17-jre-headless
  say "fetching the Kafka jars (45 MB)"
  kafka_fetch "$KAFKA_HOME/jars.new"
  kafka_jars_ok "$KAFKA_HOME/jars.new" ||
    die "the jars in $KAFKA_HOME/jars.new are not those of $KAFKA_SUMS; they were not put into use"
  rm -rf "$KAFKA_HOME/jars"
  mv "$KAFKA_HOME/jars.new" "$KAFKA_HOME/jars"
}

# kafka_fetch FOLDER: the jars of kafka/pom.xml.
kafka_fetch() {
  rm -rf "$1"
  mkdir -p "$1"
  retry mvn -B -q -Dstyle.color=never -f "$HERE/kafka/pom.xml" dependency:copy-dependencies \
    -DincludeScope=runtime "-DoutputDirectory=$1" </dev/null >&2 ||
    die "Maven could not fetch the Kafka jars; its own words are above"
}

kafka_jars_ok() {
  [[ -d $1 ]] && (cd "$1" && sha256sum --check --quiet --strict "$KAFKA_SUMS") >&2
}

# kafka_digests: what to commit after a change of version in kafka/pom.xml.
kafka_digests() {
  local jars=$KAFKA_HOME/jars.digests
  need mvn maven openjdk-17-jre-headless
  kafka_fetch "$jars"
  (cd "$jars" && sha256sum -- *.jar) >"$KAFKA_SUMS"
  rm -rf "$jars"
  say "wrote $KAFKA_SUMS: $(wc -l <"$KAFKA_SUMS") jars"
}

# kafka_java HEAP CLASS ARGUMENT...: the words of a command. Only jars that stand in kafka.sha256
# get onto the class path.
kafka_java() {
  local heap=$1 classpath
  shift
  classpath=$(awk -v home="$KAFKA_HOME/jars/" '{ printf "%s%s%s", sep, home, $2; sep = ":" }' "$KAFKA_SUMS")
  JAVA=(java "-Xmx$heap" -XX:+UseSerialGC "-Dlog4j2.configurationFile=$HERE/kafka/log4j2.xml" -cp "$classpath" "$@")
}

# TRESPASS_KAFKA_PEM names a folder with broker.pem (key and certificate) and ca.pem: the single
# broker then also listens for TLS with a password, twenty above its port, and for TLS with a
# client certificate, twenty-one above. TRESPASS_KAFKA_LOGIN is the one login, NAME:PASSWORD.
kafka_secured() { [[ $1 == kafka && -n ${TRESPASS_KAFKA_PEM:-} ]]; }

# kafka_secure_listeners PORT: what is added to the two lists of listeners.
kafka_secure_listeners() { printf ',SASL_SSL://127.0.0.1:%d,SSL://127.0.0.1:%d' $(($1 + 20)) $(($1 + 21)); }

kafka_secure_properties() {
  local user=${TRESPASS_KAFKA_LOGIN%%:*} password=${TRESPASS_KAFKA_LOGIN#*:} scram
  scram='org.apache.kafka.common.security.scram.ScramLoginModule required;'
  cat <<EOF
ssl.keystore.type=PEM
ssl.keystore.location=$TRESPASS_KAFKA_PEM/broker.pem
ssl.truststore.type=PEM
ssl.truststore.location=$TRESPASS_KAFKA_PEM/ca.pem
listener.name.ssl.ssl.client.auth=required
listener.name.sasl_ssl.sasl.enabled.mechanisms=SCRAM-SHA-256,SCRAM-SHA-512,PLAIN
listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config=$scram
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=$scram
listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_$user="$password";
EOF
}

# kafka_properties PART NODE COUNT PORT FOLDER: the configuration of one broker of a cluster.
kafka_properties() {
  local part=$1 node=$2 count=$3 port=$4 folder=$5 voters='' more='' n
  for ((n = 1; n <= count; n++)); do
    voters+="${voters:+,}$n@127.0.0.1:$((port + 10 + n - 1))"
  done
  ! kafka_secured "$part" || more=$(kafka_secure_listeners "$port")
  cat <<EOF
process.roles=broker,controller
node.id=$node
controller.quorum.voters=$voters
listeners=PLAINTEXT://127.0.0.1:$((port + node - 1)),CONTROLLER://127.0.0.1:$((port + 10 + node - 1))$more
advertised.listeners=PLAINTEXT://127.0.0.1:$((port + node - 1))$more
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL,SSL:SSL
log.dirs=$folder/data
# A topic that nobody made must be an error of ours, never a new topic.
auto.create.topics.enable=false
default.replication.factor=$count
min.insync.replicas=$((count > 1 ? count - 1 : 1))
offsets.topic.replication.factor=$count
# The default of 50 costs a second at the first group's join and says nothing more.
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=$count
transaction.state.log.min.isr=$((count > 1 ? count - 1 : 1))
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=$count
share.coordinator.state.topic.min.isr=1
# The default waits three seconds for more members at the first join of each group.
group.initial.rebalance.delay.ms=0
EOF
  ! kafka_secured "$part" || kafka_secure_properties
}

# kafka_format PART FOLDER ID: make the storage of a broker, with the login where there is one.
kafka_format() {
  local part=$1 folder=$2 logins=() mechanism
  if kafka_secured "$part"; then
    for mechanism in SCRAM-SHA-256 SCRAM-SHA-512; do
      logins+=(--add-scram "$mechanism=[name=${TRESPASS_KAFKA_LOGIN%%:*},password=${TRESPASS_KAFKA_LOGIN#*:}]")
    done
  fi
  kafka_java 128m kafka.tools.StorageTool format -t "$3" -c "$folder/server.properties" "${logins[@]}"
  "${JAVA[@]}" >"$folder/format.log" 2>&1 || fail_with_log "$folder/format.log" "the storage of $part could not be made"
}

# kafka_cluster_start PART COUNT PORT HEAP VARIABLE
kafka_cluster_start() {
  local part=$1 count=$2 port=$3 heap=$4 variable=$5 node folder log id_file
  id_file=$KAFKA_HOME/$part/cluster.id
  mkdir -p "$KAFKA_HOME/$part"
  for ((node = 1; node <= count; node++)); do
    running "$part-$node" && continue
    folder=$KAFKA_HOME/$part/$node
    log=$folder/broker.log
    mkdir -p "$folder"
    port_is_free $((port + node - 1)) "$variable"
    port_is_free $((port + 10 + node - 1)) "$variable"
    (umask 077 && kafka_properties "$part" "$node" "$count" "$port" "$folder" >"$folder/server.properties")
    if [[ ! -s $folder/data/meta.properties ]]; then
      [[ -s $id_file ]] || kafka_cluster_id >"$id_file"
      kafka_format "$part" "$folder" "$(cat "$id_file")"
    fi
    kafka_java "$heap" kafka.Kafka "$folder/server.properties"
    launch "$part-$node" "$log" "${JAVA[@]}"
  done
  for ((node = 1; node <= count; node++)); do
    await "$part-$node" 60 "$KAFKA_HOME/$part/$node/broker.log" kafka_answers $((port + node - 1)) "$count"
  done
  say "$part answers on $(kafka_addresses "$count" "$port")"
}

# kafka_cluster_id: 16 random bytes the way Kafka writes an id: URL-safe base64 without padding,
# not starting with a dash, which the tool would take for an option.
kafka_cluster_id() {
  local id=-
  while [[ $id == -* ]]; do
    id=$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=')
  done
  printf '%s\n' "$id"
}

# kafka_answers PORT BROKERS: whether a broker answers a Metadata request (version 1, no topics) and knows
# that many live brokers. An open port is not enough: a broker listens before it is registered.
kafka_answers() {
  local head brokers
  head=$(
    exec 2>/dev/null 3<>"/dev/tcp/127.0.0.1/$1" || exit 0
    # size 17, api 3, version 1, correlation 1, client "dev" with its length, 0 topics
    printf '\0\0\0\021\0\003\0\001\0\0\0\001\0\003dev\0\0\0\0' >&3
    timeout 2 head -c 12 <&3 | od -An -v -tx1 | tr -d ' \n'
  )
  # size, correlation, number of brokers; four bytes each
  [[ ${#head} -eq 24 && ${head:8:8} == 00000001 ]] || return 1
  brokers=$((16#${head:16:8}))
  ((brokers >= $2))
}

kafka_addresses() {
  local addresses='' n
  for ((n = 0; n < $1; n++)); do addresses+="${addresses:+,}127.0.0.1:$(($2 + n))"; done
  printf '%s\n' "$addresses"
}

# kafka_cluster_stop PART COUNT SECONDS: all are told at once. The last of three finds no quorum to take its
# leave from and would wait for ever, so three get less time than one.
kafka_cluster_stop() {
  local node pid
  for ((node = 1; node <= $2; node++)); do
    pid=$(pid_of "$1-$node")
    [[ -z $pid ]] || kill -TERM "$pid" 2>/dev/null || true
  done
  for ((node = 1; node <= $2; node++)); do halt "$1-$node" "$3"; done
}

kafka_cluster_status() {
  local node result=0
  for ((node = 1; node <= $2; node++)); do
    server_status "$1-$node" "127.0.0.1:$(($3 + node - 1))" || result=1
  done
  return "$result"
}

kafka_start() { kafka_cluster_start kafka 1 "$KAFKA_PORT" 512m TRESPASS_KAFKA_PORT; }
kafka_stop() { kafka_cluster_stop kafka 1 20; }
kafka_reset() { kafka_stop && rm -rf "$KAFKA_HOME/kafka"; }
kafka_status() { kafka_cluster_status kafka 1 "$KAFKA_PORT"; }
kafka_env() { export_line TRESPASS_KAFKA_BROKERS "$(kafka_addresses 1 "$KAFKA_PORT")"; }

kafka3_install() { kafka_install; }
kafka3_start() { kafka_cluster_start kafka3 3 "$KAFKA3_PORT" 384m TRESPASS_KAFKA3_PORT; }
kafka3_stop() { kafka_cluster_stop kafka3 3 5; }
kafka3_reset() { kafka3_stop && rm -rf "$KAFKA_HOME/kafka3"; }
kafka3_status() { kafka_cluster_status kafka3 3 "$KAFKA3_PORT"; }
kafka3_env() { export_line TRESPASS_KAFKA3_BROKERS "$(kafka_addresses 3 "$KAFKA3_PORT")"; }

# kafka_topic NAME PARTITIONS [KEY=VALUE...]
kafka_topic() {
  (($# >= 2)) || die "usage: deploy/dev/dev topic NAME PARTITIONS [KEY=VALUE...]"
  local name=$1 partitions=$2 server setting settings=()
  shift 2
  server=$(kafka_addresses 1 "$KAFKA_PORT")
  [[ ${ON:-kafka} != kafka3 ]] || server=$(kafka_addresses 3 "$KAFKA3_PORT")
  for setting in "$@"; do settings+=(--config "$setting"); done
  kafka_java 128m org.apache.kafka.tools.TopicCommand --bootstrap-server "$server" --create --if-not-exists \
    --topic "$name" --partitions "$partitions" "${settings[@]}"
  "${JAVA[0]}" -Dtrespass.log=WARN "${JAVA[@]:1}" >&2 || die "the topic $name could not be made on $server; is it running? (deploy/dev/dev start ${ON:-kafka})"
}
