#!/usr/bin/env bash
# kafka.sh VERB: a real Apache Kafka on loopback, from Maven's jars.
#
#	install            fetch the jars; prepare storage, certificates, CDS archive
#	home               print the directory that install fills
#	start [n]          start node n (default: all) and wait until it serves
#	stop [n]           stop in order; kill9 [n], pause [n], resume [n]: faults
#	status | bootstrap | log [n] | wipe
#	tool NAME ARG...   topics, acls, configs, consumer-groups, delete-records
#	                   (a JVM each; test/tools/dp_kafka is quicker for topics)
#
# Environment: KAFKA_VERSION (4.1.1; 3.9.1 for SCRAM with an old librdkafka),
# KAFKA_DATA (a directory for each cluster), KAFKA_PORT (19092; node n takes
# PORT + 10(n-1), +1 for its controller and, with KAFKA_SECURE=1, +2
# SASL_PLAINTEXT, +3 mutual TLS, +4 SASL_SSL, +5 TLS), KAFKA_NODES (1),
# KAFKA_CONF_EXTRA (server properties, separated by ';').
#
# Nothing here belongs to one test: a second run finds the cache, whose place
# is DATAPLAT_KAFKA_CACHE or ${XDG_CACHE_HOME:-/var/tmp}/dataplat-kafka.
set -euo pipefail

: "${KAFKA_VERSION:=4.1.1}" "${KAFKA_PORT:=19092}" "${KAFKA_NODES:=1}" "${KAFKA_SECURE:=0}" "${KAFKA_HEAP:=256m}"
: "${KAFKA_SESSION_MS:=1500}" "${KAFKA_START_TIMEOUT:=120}" "${KAFKA_CDS:=1}"
CLUSTER_ID=MkU3OEVBNTcwNTJENDM2Qg

die() {
	echo "kafka.sh: $*" >&2
	exit 1
}

# The cache must be ours or root's: its jars are run.
cache_dir() {
	local d=${DATAPLAT_KAFKA_CACHE:-${XDG_CACHE_HOME:-/var/tmp}/dataplat-kafka} owner
	owner=$(stat -c %u "$d" 2>/dev/null || id -u)
	if [ "$owner" != 0 ] && [ "$owner" != "$(id -u)" ]; then
		d=$d-$(id -u)
	fi
	echo "$d"
}

HOME_DIR=${DATAPLAT_KAFKA_HOME:-$(cache_dir)/$KAFKA_VERSION}
# DATAPLAT_KAFKA_HOME names one version's directory; its sister is beside it.
case $HOME_DIR in */"$KAFKA_VERSION") ;; *) HOME_DIR=$(dirname "$HOME_DIR")/$KAFKA_VERSION ;; esac
LIBS=$HOME_DIR/libs
CERTS=$HOME_DIR/certs
: "${KAFKA_DATA:=${TMPDIR:-/tmp}/dataplat-kafka-$(id -u)-$KAFKA_PORT}"
JAVA=${JAVA_HOME:+$JAVA_HOME/bin/}java
JAVA_OPTIONS=(-Xms64m "-Xmx$KAFKA_HEAP" -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData -Xshare:auto
	-Djava.awt.headless=true)

port() { echo $((KAFKA_PORT + ($1 - 1) * 10)); }
node_dir() { echo "$KAFKA_DATA/node$1"; }
nodes() { if [ $# -gt 0 ]; then echo "$@"; else seq 1 "$KAFKA_NODES"; fi; }

# The pid of a node that runs, if it does.
pid_of() {
	local pid
	pid=$(cat "$(node_dir "$1")/pid" 2>/dev/null) || return 1
	[ -n "$pid" ] && grep -qzF "$(node_dir "$1")/server.properties" "/proc/$pid/cmdline" 2>/dev/null && echo "$pid"
}

bootstrap() {
	local s="" n
	for n in $(seq 1 "$KAFKA_NODES"); do
		s+="${s:+,}127.0.0.1:$(port "$n")"
	done
	echo "$s"
}

java_tool() {
	"$JAVA" "${JAVA_OPTIONS[@]}" "-Dlog4j2.configurationFile=$HOME_DIR/log4j2-off.properties" \
		"-Dlog4j.configuration=file:$HOME_DIR/log4j-off.properties" -cp "$LIBS/*" "$@"
}

# ------------------------------------------------------------------- install

verb_install() {
	mkdir -p "$HOME_DIR"
	chmod 755 "$(dirname "$HOME_DIR")" "$HOME_DIR"
	exec 8>"$HOME_DIR/lock"
	flock 8
	[ ! -f "$HOME_DIR/ok" ] || return 0
	install_jars
	install_logging
	install_certs
	install_storage
	chmod -R a+rX "$HOME_DIR"
	[ "$KAFKA_CDS" != 1 ] || install_cds
	chmod -R a+rX "$HOME_DIR"
	touch "$HOME_DIR/ok"
}

install_jars() {
	local logger
	[ ! -f "$LIBS/.ok" ] || return 0
	case $KAFKA_VERSION in
		3.*) logger='<dependency><groupId>org.slf4j</groupId><artifactId>slf4j-reload4j</artifactId><version>1.7.36</version></dependency>' ;;
		*) logger='<dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>2.24.3</version></dependency>
    <dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-core</artifactId><version>2.24.3</version></dependency>' ;;
	esac
	cat >"$HOME_DIR/pom.xml" <<-P
	<project xmlns="http://maven.apache.org/POM/4.0.0">
	  <modelVersion>4.0.0</modelVersion>
	  <groupId>dataplat.test</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>
	  <dependencies>
	    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>$KAFKA_VERSION</version></dependency>
	    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>$KAFKA_VERSION</version></dependency>
	    $logger
	  </dependencies>
	</project>
	P
	local try
	for try in 1 2 3; do
		if mvn -B -q -Dstyle.color=never -f "$HOME_DIR/pom.xml" org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies \
			-DincludeScope=runtime "-DoutputDirectory=$LIBS" </dev/null; then
			touch "$LIBS/.ok"
			return 0
		fi
		[ "$try" = 3 ] || sleep "$try"
	done
	die "maven could not fetch Kafka $KAFKA_VERSION"
}

install_logging() {
	echo 'rootLogger.level=OFF' >"$HOME_DIR/log4j2-off.properties"
	echo 'log4j.rootLogger=OFF' >"$HOME_DIR/log4j-off.properties"
	cat >"$HOME_DIR/log4j2.properties" <<-'P'
	appender.f.type=File
	appender.f.name=F
	appender.f.fileName=${sys:kafka.log}
	appender.f.layout.type=PatternLayout
	appender.f.layout.pattern=%d %p %m (%c{1})%n
	rootLogger.level=INFO
	rootLogger.appenderRef.f.ref=F
	logger.config.name=org.apache.kafka.common.config.AbstractConfig
	logger.config.level=WARN
	P
	cat >"$HOME_DIR/log4j.properties" <<-'P'
	log4j.rootLogger=INFO, F
	log4j.appender.F=org.apache.log4j.FileAppender
	log4j.appender.F.File=${kafka.log}
	log4j.appender.F.layout=org.apache.log4j.PatternLayout
	log4j.appender.F.layout.ConversionPattern=%d %p %m (%c{1})%n
	log4j.logger.kafka.server.KafkaConfig=WARN
	P
}

# A CA, a broker certificate for 127.0.0.1 and localhost, two clients, and a
# self-signed stranger for the negative tests; PEM throughout, no keytool.
install_certs() {
	local name
	[ ! -f "$CERTS/mallory.pem" ] || return 0
	mkdir -p "$CERTS"
	openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=dataplat-test-ca -keyout "$CERTS/ca.key" -out "$CERTS/ca.pem" 2>/dev/null
	for name in broker alice bob; do
		openssl req -newkey rsa:2048 -nodes -subj "/CN=$name" -keyout "$CERTS/$name.key" -out "$CERTS/$name.csr" 2>/dev/null
		openssl x509 -req -in "$CERTS/$name.csr" -CA "$CERTS/ca.pem" -CAkey "$CERTS/ca.key" -CAcreateserial -days 3650 -sha256 \
			-out "$CERTS/$name.pem" -extfile <(echo "subjectAltName=DNS:localhost,IP:127.0.0.1") 2>/dev/null
		cat "$CERTS/$name.key" "$CERTS/$name.pem" "$CERTS/ca.pem" >"$CERTS/$name-store.pem"
	done
	openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -subj /CN=mallory -keyout "$CERTS/mallory.key" -out "$CERTS/mallory.pem" 2>/dev/null
}

# Format storage once.  Each new data directory is a copy of these two small
# files, which saves a JVM at every start.
install_storage() {
	local template=$HOME_DIR/template feature=() user mechanism scram=()
	rm -rf "$template"
	mkdir -p "$template"
	cat >"$template/properties" <<-P
	process.roles=broker,controller
	node.id=1
	controller.quorum.voters=1@127.0.0.1:1
	listeners=PLAINTEXT://127.0.0.1:2,CONTROLLER://127.0.0.1:1
	controller.listener.names=CONTROLLER
	log.dirs=$template/log
	P
	# From 4.1 on this feature stores min.insync.replicas as a cluster setting,
	# which then overrides server.properties.
	case $KAFKA_VERSION in 3.* | 4.0.*) ;; *) feature=(--feature eligible.leader.replicas.version=0) ;; esac
	for user in admin alice bob; do
		for mechanism in SCRAM-SHA-256 SCRAM-SHA-512; do
			scram+=(--add-scram "$mechanism=[name=$user,password=$user-secret]")
		done
	done
	java_tool kafka.tools.StorageTool format -t "$CLUSTER_ID" -c "$template/properties" "${feature[@]}" "${scram[@]}" \
		>"$template/out" 2>&1 || {
		cat "$template/out" >&2
		die "could not format storage"
	}
}

# Loaded classes are archived in one throw-away run; starts take half the time.
install_cds() {
	[ ! -f "$HOME_DIR/classes.jsa" ] || return 0
	local run=(env "KAFKA_DATA=$HOME_DIR/cds-run" KAFKA_NODES=1 KAFKA_SECURE=1 "KAFKA_PORT=$((20000 + RANDOM % 1000 * 10))"
		"KAFKA_VERSION=$KAFKA_VERSION" "KAFKA_JAVA_EXTRA=-XX:ArchiveClassesAtExit=$HOME_DIR/classes.jsa" "$0")
	"${run[@]}" start >/dev/null
	"${run[@]}" stop >/dev/null
	rm -rf "$HOME_DIR/cds-run"
}

# ------------------------------------------------------------- configuration

write_properties() {
	local n=$1 p d replicas in_sync voters="" i listeners map
	p=$(port "$n")
	d=$(node_dir "$n")
	for i in $(seq 1 "$KAFKA_NODES"); do
		voters+="${voters:+,}$i@127.0.0.1:$(($(port "$i") + 1))"
	done
	replicas=$((KAFKA_NODES >= 3 ? 3 : KAFKA_NODES))
	in_sync=$((replicas >= 3 ? 2 : 1))
	listeners="PLAINTEXT://127.0.0.1:$p"
	map="PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT"
	if [ "$KAFKA_SECURE" = 1 ]; then
		listeners+=",SASLPT://127.0.0.1:$((p + 2)),MTLS://127.0.0.1:$((p + 3)),SASLSSL://127.0.0.1:$((p + 4)),TLS://127.0.0.1:$((p + 5))"
		map+=",SASLPT:SASL_PLAINTEXT,MTLS:SSL,SASLSSL:SASL_SSL,TLS:SSL"
	fi
	# Short intervals, so that retention, compaction, fencing and recovery are
	# seen within a test; few partitions and threads, so that a start is quick.
	cat >"$d/server.properties" <<-P
	process.roles=broker,controller
	node.id=$n
	controller.quorum.voters=$voters
	controller.listener.names=CONTROLLER
	listeners=$listeners,CONTROLLER://127.0.0.1:$((p + 1))
	advertised.listeners=$listeners
	listener.security.protocol.map=$map
	inter.broker.listener.name=PLAINTEXT
	log.dirs=$d/log
	auto.create.topics.enable=false
	num.partitions=1
	default.replication.factor=$replicas
	min.insync.replicas=$in_sync
	offsets.topic.replication.factor=$replicas
	offsets.topic.num.partitions=3
	transaction.state.log.replication.factor=$replicas
	transaction.state.log.min.isr=$in_sync
	transaction.state.log.num.partitions=3
	share.coordinator.state.topic.replication.factor=$replicas
	share.coordinator.state.topic.min.isr=$in_sync
	share.coordinator.state.topic.num.partitions=1
	group.initial.rebalance.delay.ms=0
	group.min.session.timeout.ms=1000
	transaction.max.timeout.ms=900000
	transaction.abort.timed.out.transaction.cleanup.interval.ms=500
	message.max.bytes=20971520
	replica.fetch.max.bytes=20971520
	replica.fetch.response.max.bytes=41943040
	log.retention.check.interval.ms=500
	log.initial.task.delay.ms=100
	log.segment.delete.delay.ms=200
	log.cleaner.backoff.ms=200
	log.cleaner.min.cleanable.ratio=0.001
	log.cleaner.min.compaction.lag.ms=0
	log.cleaner.delete.retention.ms=500
	log.cleaner.threads=1
	log.cleaner.dedupe.buffer.size=4194304
	log.cleaner.io.buffer.size=262144
	log.flush.offset.checkpoint.interval.ms=1000
	log.flush.start.offset.checkpoint.interval.ms=1000
	num.network.threads=2
	num.io.threads=3
	num.replica.fetchers=1
	background.threads=2
	num.recovery.threads.per.data.dir=1
	broker.heartbeat.interval.ms=$((KAFKA_SESSION_MS / 5))
	broker.session.timeout.ms=$KAFKA_SESSION_MS
	controller.quorum.election.timeout.ms=1000
	controller.quorum.fetch.timeout.ms=1500
	controller.quorum.election.backoff.max.ms=500
	replica.lag.time.max.ms=5000
	P
	[ "$KAFKA_SECURE" != 1 ] || write_security >>"$d/server.properties"
	if [ -n "${KAFKA_CONF_EXTRA:-}" ]; then
		tr ';' '\n' <<<"$KAFKA_CONF_EXTRA" >>"$d/server.properties"
	fi
}

# Users admin (super), alice and bob with password NAME-secret.
write_security() {
	local l module=org.apache.kafka.common.security.scram.ScramLoginModule
	cat <<-P
	authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
	super.users=User:ANONYMOUS;User:admin
	allow.everyone.if.no.acl.found=${KAFKA_OPEN:-false}
	sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
	ssl.keystore.type=PEM
	ssl.keystore.location=$CERTS/broker-store.pem
	ssl.truststore.type=PEM
	ssl.truststore.location=$CERTS/ca.pem
	listener.name.mtls.ssl.client.auth=required
	listener.name.mtls.ssl.principal.mapping.rules=RULE:^CN=([^,]+).*\$/\$1/,DEFAULT
	listener.name.tls.ssl.client.auth=none
	listener.name.saslssl.ssl.client.auth=none
	P
	for l in saslpt saslssl; do
		cat <<-P
		listener.name.$l.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_admin="admin-secret" user_alice="alice-secret" user_bob="bob-secret";
		listener.name.$l.scram-sha-256.sasl.jaas.config=$module required;
		listener.name.$l.scram-sha-512.sasl.jaas.config=$module required;
		P
	done
}

# ------------------------------------------------------------ start and stop

verb_start() {
	local n d extra=() id
	[ -f "$HOME_DIR/template/log/meta.properties" ] || die "run \"kafka.sh install\" first ($HOME_DIR is not complete)"
	for n in $(nodes "$@"); do
		d=$(node_dir "$n")
		mkdir -p "$d/log"
		! pid_of "$n" >/dev/null || continue
		if [ ! -f "$d/log/meta.properties" ]; then
			id=$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | tr -d '=' | sed 's/^-/A/')
			cp "$HOME_DIR/template/log/bootstrap.checkpoint" "$d/log/"
			sed "s/^node.id=.*/node.id=$n/; s/^directory.id=.*/directory.id=$id/" \
				"$HOME_DIR/template/log/meta.properties" >"$d/log/meta.properties"
		fi
		write_properties "$n"
		: >"$d/server.log"
		if [ -n "${KAFKA_JAVA_EXTRA:-}" ]; then
			extra=("$KAFKA_JAVA_EXTRA")
		elif [ -f "$HOME_DIR/classes.jsa" ]; then
			extra=("-XX:SharedArchiveFile=$HOME_DIR/classes.jsa")
		fi
		setsid "$JAVA" "${JAVA_OPTIONS[@]}" "${extra[@]}" "-Dkafka.log=$d/server.log" \
			"-Dlog4j2.configurationFile=$HOME_DIR/log4j2.properties" "-Dlog4j.configuration=file:$HOME_DIR/log4j.properties" \
			"-Dkafka.logs.dir=$d" -cp "$LIBS/*" kafka.Kafka "$d/server.properties" >"$d/stdout.log" 2>&1 </dev/null 8>&- &
		echo $! >"$d/pid"
		disown
	done
	for n in $(nodes "$@"); do
		wait_ready "$n"
	done
	bootstrap
}

wait_ready() {
	local d until_s=$((SECONDS + KAFKA_START_TIMEOUT))
	d=$(node_dir "$1")
	until grep -q 'Kafka Server started' "$d/server.log" 2>/dev/null; do
		if ! kill -0 "$(cat "$d/pid")" 2>/dev/null; then
			tail -n 30 "$d/server.log" "$d/stdout.log" >&2
			die "node $1 died"
		fi
		[ $SECONDS -lt "$until_s" ] || die "node $1 is not ready after $KAFKA_START_TIMEOUT s, see $d/server.log"
		sleep 0.05
	done
}

verb_stop() {
	local n pid until_s=$((SECONDS + 15))
	for n in $(nodes "$@"); do
		! pid=$(pid_of "$n") || kill -TERM "$pid" 2>/dev/null || true
	done
	for n in $(nodes "$@"); do
		while pid=$(pid_of "$n"); do
			if [ $SECONDS -ge "$until_s" ]; then
				kill -CONT "$pid" 2>/dev/null || true
				kill -KILL "$pid" 2>/dev/null || true
			fi
			sleep 0.05
		done
		rm -f "$(node_dir "$n")/pid"
	done
}

verb_kill9() { send KILL "$@"; }
verb_pause() { send STOP "$@"; }
verb_resume() { send CONT "$@"; }

# Send a signal to nodes; with KILL also wait until they are gone.
send() {
	local signal=$1 n pid
	shift
	for n in $(nodes "$@"); do
		pid=$(pid_of "$n") || die "node $n does not run"
		kill "-$signal" "$pid"
		while [ "$signal" = KILL ] && pid_of "$n" >/dev/null; do
			sleep 0.02
		done
	done
}

verb_status() {
	local n pid rc=0
	for n in $(nodes "$@"); do
		if pid=$(pid_of "$n"); then
			echo "node $n: pid $pid port $(port "$n")"
		else
			echo "node $n: down"
			rc=3
		fi
	done
	return $rc
}

verb_wipe() {
	verb_stop
	rm -rf "$KAFKA_DATA"
}

verb_tool() {
	local name=${1:-} class
	shift || true
	case $name in
		topics) class=TopicCommand ;;
		acls) class=AclCommand ;;
		configs) class=ConfigCommand ;;
		consumer-groups) class=consumer.group.ConsumerGroupCommand ;;
		delete-records) class=DeleteRecordsCommand ;;
		*) die "no tool named \"$name\"; there are topics, acls, configs, consumer-groups, delete-records" ;;
	esac
	case $KAFKA_VERSION-$name in
		3.*-acls | 3.*-configs) class=kafka.admin.$class ;;
		*-configs) class=kafka.admin.$class ;;
		*) class=org.apache.kafka.tools.$class ;;
	esac
	java_tool "$class" --bootstrap-server "$(bootstrap)" "$@"
}

verb=${1:-}
shift || true
case $verb in
	install | start | stop | kill9 | pause | resume | status | wipe | tool) "verb_$verb" "$@" ;;
	home) echo "$HOME_DIR" ;;
	bootstrap) bootstrap ;;
	log) cat "$(node_dir "${1:-1}")/server.log" ;;
	*)
		sed -n '2,20s/^# \{0,1\}//p' "$0" >&2
		exit 2
		;;
esac
