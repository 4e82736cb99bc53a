# shellcheck shell=bash
# RabbitMQ and ActiveMQ for tests: Debian's packages, on loopback, as this user, with all they write
# below $work; nothing of theirs that runs on this machine is touched. Sourced behind lib.sh and
# running.sh, whose stop, kill_now and words_of work on a broker's NAME; ${running[NAME]} is its pid.
#
#   need_rabbitmq, need_activemq       skips the test (77) where the package is not there
#   start_rabbitmq NAME                one node, with STOMP on ${stomp_port[NAME]}
#   start_rabbitmq_cluster A B C       of three; quorum queues live on all of them
#   start_activemq NAME                persistent, synced before it answers (KahaDB's default)
#   start_again NAME                   the same broker or node after stop or kill_now, on the same ports
#   rabbitmq_ctl NAME ARGUMENT…        rabbitmqctl on that node
# Started means: a CONNECT is answered. A broker that does not get there fails the test, with its words.
# Logins: guest, guest (RabbitMQ); anybody (ActiveMQ). RabbitMQ's only host is "/".
declare -A stomp_port=() broker_command=() broker_home=()
broker_seconds=${SPOOLMQ_BROKER_SECONDS:-90}  # to be ready, on a busy machine, too
rabbitmq_bin=/usr/lib/rabbitmq/bin  # those of /usr/sbin change the user, and drop the environment
activemq_share=/usr/share/activemq

need_rabbitmq() { [[ -x $rabbitmq_bin/rabbitmq-server ]] || { echo "no rabbitmq-server"; exit 77; }; }
need_activemq() {
  if [[ ! -e $activemq_share/bin/activemq.jar ]] || ! command -v java >/dev/null; then
    echo "no activemq"
    exit 77
  fi
}

# free_ports N: so many, different ones that nobody has at the moment.
free_ports() {
  /usr/bin/python3 -c '
import socket, sys
held = [socket.socket() for _ in range(int(sys.argv[1]))]
for s in held:
    s.bind(("127.0.0.1", 0))
    print(s.getsockname()[1])' "$1"
}

# stomp_answers PORT [HEADER…]: whether CONNECT is answered by CONNECTED within 5 s.
stomp_answers() {
  timeout 5 bash -c '
    exec 3<>"/dev/tcp/127.0.0.1/$1" || exit 1
    { printf "CONNECT\naccept-version:1.2\n"; printf "%s\n" "${@:2}"; printf "\n\0"; } >&3
    while IFS= read -r line <&3; do
      case $line in CONNECTED*) exit 0 ;; "") ;; *) exit 1 ;; esac
    done
    exit 1' _ "$@" 2>/dev/null
}
broker_is_ready() {  # NAME
  until stomp_answers "${stomp_port[$1]}" host:/ login:guest passcode:guest; do
    is_running "$1" || fail "$1 has ended: $(words_of "$1")"
    ((SECONDS < broker_deadline)) || fail "$1 is not ready after $broker_seconds s: $(words_of "$1")"
    sleep 0.2
  done
}
start_again() {
  local broker_deadline=$((SECONDS + broker_seconds))
  launch "$1"
  broker_is_ready "$1"
}
launch() {
  local -a command
  mapfile -d '' -t command <"${broker_command[$1]}"
  start "$1" "${command[@]}"
}
# described NAME COMMAND…: what launch starts
described() {
  broker_command[$1]=${broker_home[$1]}/$1.command
  printf '%s\0' "${@:2}" >"${broker_command[$1]}"
}

# ---- RabbitMQ
# The port mapper is one of ours, for the nodes of one start_rabbitmq only: a node would start one
# itself, and leave it behind.
start_epmd() {  # NAME HOME PORT
  start "$1" env HOME="$2" epmd -address 127.0.0.1 -port "$3"
  until_true env HOME="$2" epmd -port "$3" -names
}
rabbitmq_env() {  # NAME: of a node, and of who asks it
  printf '%s\n' "HOME=${broker_home[$1]}" ERL_EPMD_ADDRESS=127.0.0.1 \
    "ERL_EPMD_PORT=${epmd_port[$1]}" "RABBITMQ_NODENAME=$1@localhost" RABBITMQ_CONF_ENV_FILE=/dev/null
}
declare -A epmd_port=()
# rabbitmq_node NAME HOME EPMD_PORT STOMP AMQP DIST NODE…: writes its settings; NODEs are the cluster's
rabbitmq_node() {
  local name=$1 home=$2 nth=0 node
  broker_home[$name]=$home epmd_port[$name]=$3 stomp_port[$name]=$4
  {
    echo "listeners.tcp.default = 127.0.0.1:$5"
    echo "stomp.listeners.tcp.1 = 127.0.0.1:$4"
    echo 'disk_free_limit.absolute = 50MB'
    echo 'vm_memory_high_watermark.absolute = 512MB'
    echo 'log.console = true'
    (($# < 8)) || echo 'cluster_formation.peer_discovery_backend = classic_config'
    (($# < 8)) || echo 'cluster_partition_handling = pause_minority'
    for node in "${@:7}"; do
      (($# < 8)) || echo "cluster_formation.classic_config.nodes.$((++nth)) = $node@localhost"
    done
  } >"$home/$name.conf"
  echo '[rabbitmq_stomp].' >"$home/$name.plugins"
  local -a environment
  mapfile -t environment < <(rabbitmq_env "$name")
  # RUNNING_UNDER_SYSTEMD: the script becomes the node, so that what is killed is the node itself.
  described "$name" env "${environment[@]}" RUNNING_UNDER_SYSTEMD=1 \
    RABBITMQ_DIST_PORT="$6" RABBITMQ_MNESIA_BASE="$home/mnesia" RABBITMQ_LOG_BASE="$home/log" \
    RABBITMQ_CONFIG_FILE="$home/$name.conf" RABBITMQ_ENABLED_PLUGINS_FILE="$home/$name.plugins" \
    RABBITMQ_PID_FILE="$home/$name.pid" \
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="-kernel inet_dist_use_interface {127,0,0,1} +S 2:2" \
    "$rabbitmq_bin/rabbitmq-server"
}
start_rabbitmq() { start_rabbitmq_cluster "$1"; }
start_rabbitmq_cluster() {
  local home=$work/rabbitmq.$1 epmd name broker_deadline=$((SECONDS + broker_seconds))
  local -a ports
  mkdir -p "$home" || fail "$home"
  (umask 277 && head -c 20 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$home/.erlang.cookie")
  mapfile -t ports < <(free_ports $((1 + 3 * $#)))
  epmd=${ports[0]}
  start_epmd "$1.epmd" "$home" "$epmd"
  local nth=0
  for name in "$@"; do
    rabbitmq_node "$name" "$home" "$epmd" "${ports[@]:1 + 3 * nth++:3}" "$@"
  done
  # The first one makes the cluster, the others join it: all at once, they may make two.
  for name in "$@"; do
    launch "$name"
    broker_is_ready "$name"
  done
  (($# == 1)) || until_true cluster_is_whole "$1" $#
}
cluster_is_whole() {  # NAME NODES: so many run
  [[ $(rabbitmq_ctl "$1" --formatter json cluster_status | grep -o '"running_nodes":\[[^]]*' |
    grep -o '@localhost' | wc -l) -eq $2 ]]
}
rabbitmq_ctl() {
  local -a environment
  mapfile -t environment < <(rabbitmq_env "$1")
  timeout 30 env "${environment[@]}" "$rabbitmq_bin/rabbitmqctl" "${@:2}"
}

# ---- ActiveMQ
start_activemq() {
  local home=$work/activemq.$1 broker_deadline=$((SECONDS + broker_seconds)) port
  mkdir -p "$home" || fail "$home"
  port=$(free_ports 1)
  broker_home[$1]=$home stomp_port[$1]=$port
  cat >"$home/broker.xml" <<X
<beans xmlns="http://www.springframework.org/schema/beans"
    xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
    xsi:schemaLocation="http://www.springframework.org/schema/beans
      http://www.springframework.org/schema/beans/spring-beans-2.0.xsd
      http://activemq.apache.org/schema/core http://activemq.apache.org/schema/core/activemq-core.xsd">
  <broker xmlns="http://activemq.apache.org/schema/core" brokerName="$1" useJmx="false"
      dataDirectory="$home" useShutdownHook="true" schedulePeriodForDestinationPurge="0">
    <persistenceAdapter><kahaDB directory="$home/kahadb"/></persistenceAdapter>
    <transportConnectors>
      <transportConnector name="stomp" uri="stomp://127.0.0.1:$port"/>
    </transportConnectors>
  </broker>
</beans>
X
  described "$1" env HOME="$home" java -Xmx512m -Djava.io.tmpdir="$home" \
    -cp "$activemq_share/lib/*:$activemq_share/lib/optional/*" -Dactivemq.home="$activemq_share" \
    -Dactivemq.base="$home" -Dactivemq.data="$home" \
    org.apache.activemq.console.Main start "xbean:file:$home/broker.xml"
  launch "$1"
  broker_is_ready "$1"
}
