#!/bin/sh
# Three nodes of RabbitMQ on one machine, each in a network namespace of its own, as root, with Debian's rabbitmq-server and iproute2.
#   cluster.sh FOLDER up | down | kill N | start N | cut N | join N | pause N | resume N | leader
# The nodes are at 10.77.0.11 to .13, port 5672, user and password guest; this machine is at 10.77.0.1.
set -eu
folder=$1 action=$2 node=${3:-}
bin=/usr/lib/rabbitmq/bin

in_node() { # in_node N COMMAND...: runs it in the namespace and with the environment of node N
    n=$1 d=$folder/$1; shift
    ip netns exec "dyn-$n" env HOME="$d/home" RABBITMQ_NODENAME="rabbit@10.77.0.1$n" RABBITMQ_USE_LONGNAME=true \
        RABBITMQ_CONF_ENV_FILE="$d/none" RABBITMQ_CONFIG_FILE="$d/rabbitmq.conf" RABBITMQ_ADVANCED_CONFIG_FILE="$d/advanced.config" \
        RABBITMQ_ENABLED_PLUGINS_FILE="$d/enabled_plugins" RABBITMQ_MNESIA_BASE="$d/mnesia" RABBITMQ_LOG_BASE="$d/log" \
        RABBITMQ_PID_FILE="$d/pid" ERL_CRASH_DUMP_SECONDS=0 RUNNING_UNDER_SYSTEMD=true \
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS="+S 1:1 +SDcpu 1 +SDio 1" "$@"
}

start() {
    d=$folder/$1
    mkdir -p "$d/home" "$d/log"
    [ -e "$d/home/.erlang.cookie" ] || { printf TESTS > "$d/home/.erlang.cookie"; chmod 400 "$d/home/.erlang.cookie"; }
    cat > "$d/rabbitmq.conf" <<EOF
listeners.tcp.1 = 10.77.0.1$1:5672
loopback_users = none
cluster_partition_handling = pause_minority
cluster_formation.peer_discovery_backend = classic_config
cluster_formation.classic_config.nodes.1 = rabbit@10.77.0.11
vm_memory_high_watermark.absolute = 512MB
disk_free_limit.absolute = 10MB
heartbeat = 6
EOF
    echo '[{kernel, [{net_ticktime, 8}]}].' > "$d/advanced.config"
    echo '[].' > "$d/enabled_plugins"
    in_node "$1" epmd -daemon >/dev/null 2>&1 || true
    in_node "$1" "$bin/rabbitmq-server" >"$d/out" 2>&1 &
    echo $! > "$d/server"
}

ready() { # before the node is known, asking for it fails at once
    for _ in $(seq 120); do
        in_node "$1" "$bin/rabbitmqctl" --quiet await_startup --timeout 120 >/dev/null 2>&1 && return
        sleep 0.5
    done
    echo "node $1 did not start: $(tail -5 "$folder/$1/out")" >&2
    exit 1
}

signal() { # signal N NAME: to all programs of the node
    ip netns pids "dyn-$1" 2>/dev/null | xargs -r kill "-$2" 2>/dev/null || true
}

case $action in
up)
    ip netns add dyn-switch
    ip -n dyn-switch link add switch type bridge
    ip -n dyn-switch link set switch up
    for n in 1 2 3; do
        ip netns add "dyn-$n"
        ip link add "dyn-v$n" netns "dyn-$n" type veth peer name "port$n" netns dyn-switch
        ip -n dyn-switch link set "port$n" master switch up
        ip -n "dyn-$n" addr add "10.77.0.1$n/24" dev "dyn-v$n"
        ip -n "dyn-$n" link set "dyn-v$n" up
        ip -n "dyn-$n" link set lo up
    done
    ip link add dyn-here type veth peer name port0 netns dyn-switch
    ip -n dyn-switch link set port0 master switch up
    ip addr add 10.77.0.1/24 dev dyn-here
    ip link set dyn-here up
    start 1
    ready 1
    start 2
    start 3
    ready 2
    ready 3
    ;;
down)
    for n in 1 2 3; do
        signal "$n" CONT
        signal "$n" KILL
        ip netns pids "dyn-$n" 2>/dev/null | xargs -r kill -KILL 2>/dev/null || true
        ip netns del "dyn-$n" 2>/dev/null || true
    done
    ip link del dyn-here 2>/dev/null || true
    ip netns del dyn-switch 2>/dev/null || true
    ;;
kill) signal "$node" KILL ;;
start) start "$node"; ready "$node" ;;
cut) ip -n dyn-switch link set "port$node" down ;;
join) ip -n dyn-switch link set "port$node" up ;;
pause) signal "$node" STOP ;;
resume) signal "$node" CONT ;;
leader) # the number of the node that leads the queue of the backlog
    for n in 1 2 3; do
        in_node "$n" "$bin/rabbitmqctl" --quiet --timeout 10 list_queues --no-table-headers name leader 2>/dev/null \
            | awk '$1 == "dynamo.backlog" { sub(/.*10\.77\.0\.1/, "", $2); print $2 }' | grep . && exit 0
    done
    exit 1
    ;;
esac
