#!/bin/bash
# stomp_bench beside RabbitMQ and ActiveMQ from Debian's packages: starts them and `spoolmq stomp`,
# on loopback and with what they write below $TMPDIR, which must be on a disk, and ends them.
#
#   stomp_bench.sh SPOOLMQ STOMP_BENCH [OPTION…]     options of stomp_bench
# SPOOLMQ_PEERS: of those to stand beside it, "rabbitmq activemq" if it is not set.
# exit code 77: one of them is not installed.
e2e=$(cd "${0%/*}/../e2e" && pwd)
export TMPDIR=${TMPDIR:-/var/tmp}
. "$e2e/lib.sh" "$1"
. "$e2e/running.sh"
. "$e2e/stomp.sh"
. "$e2e/brokers.sh"
bench=$2
shift 2
peers=${SPOOLMQ_PEERS-rabbitmq activemq}

servers=()
server() { servers+=(--server "$1"); }  # NAME=PORT,PROCESS[,HEADER:VALUE]…
STOMP_PORT=$(free_port)
mq queues >/dev/null 2>&1
start spoolmq "$spoolmq" --root "$root" stomp --tcp "127.0.0.1:$STOMP_PORT" --create --rights '*: send receive create *'
until_true listens "$STOMP_PORT"
server "spoolmq=$STOMP_PORT,${running[spoolmq]}"
if [[ " $peers " == *' activemq '* ]]; then
  need_activemq
  start_activemq active
  server "activemq=${stomp_port[active]},${running[active]}"
fi
if [[ " $peers " == *' rabbitmq '* ]]; then
  need_rabbitmq
  start_rabbitmq rabbit
  rabbit="${stomp_port[rabbit]},${running[rabbit]},durable:true,auto-delete:false"
  server "rmq-quorum=$rabbit,x-queue-type:quorum"
  server "rmq-classic=$rabbit"
fi
"$bench" "${servers[@]}" "$@"
