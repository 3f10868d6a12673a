#!/bin/bash
# TCP throughput: without a queue, by hand, and with large packets left whole
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

TCP_PORT=5001
NAT_PORT=8668

# stream_measure: Gbit/s in $RATE. The receiver may use any free core. SINK_OPTIONS are added.
stream_measure() {
    local sink bytes wall_ns
    ns_start "$SERVER" "$SCRATCH/sink" "$BENCH/stream" -l "${SINK_OPTIONS[@]}" $TCP_PORT
    sink=$STARTED
    wait_tcp "$SERVER" $TCP_PORT || die "$(cat "$SCRATCH/sink")"
    in_ns "$CLIENT" "$BENCH/stream" -c $GENERATOR_CPU -s "$RUN_SECONDS" "$SERVER_ADDRESS" $TCP_PORT ||
        die 'the sender failed'
    wait "$sink" || die "the receiver failed: $(cat "$SCRATCH/sink")"
    IFS='= ' read -r _ bytes _ wall_ns <"$SCRATCH/sink"
    RATE=$(calculate "$bytes * 8 / $wall_ns")
}

# Both directions are diverted.
through() {
    divert -p tcp
    program_start "$@"
    stream_measure
    program_stop
    in_ns "$ROUTER" iptables -t mangle -F FORWARD
}

through_nat() {
    local WAIT_PORT=$NAT_PORT
    ip -n "$SERVER" route del 10.1.0.0/24
    program_start "$BUILD/divert-run" --gso -r "divert $NAT_PORT ip from any to any via wan0" -- \
        "$BUILD/examples/nat" -p $NAT_PORT -n wan0
    stream_measure
    program_stop
    server_route_add
}

measure() {
    local SINK_OPTIONS=()
    [[ $1 == *unread ]] && SINK_OPTIONS=(-u)
    case $1 in
    'no queue'*) stream_measure ;;
    plain) through "${PLAIN[@]}" ;;
    'expert, GSO'*) through "$BENCH/expert_loop" -g $PORT $QUEUE_LEN ;;
    'library, GSO'*) through "${PRELOAD[@]}" DIVERTSHIM_GSO=1 "$BENCH/divert_loop" $PORT ;;
    'NAT, GSO') through_nat ;;
    esac
    sample 'Gbit/s' "$1" "$RATE"
}

need_bench "$BENCH/stream" "$BUILD/examples/nat" "$BUILD/divert-run"
need_commands ss
network_make
title 'One TCP connection'
in_turns measure 'no queue' plain 'expert, GSO' 'library, GSO' 'NAT, GSO' 'no queue, unread' 'expert, GSO, unread' 'library, GSO, unread'
compare 'Gbit/s' 'library, GSO' 'expert, GSO' at-least 1.0
compare 'Gbit/s' 'library, GSO' 'no queue' at-least 0.7
compare 'Gbit/s' 'library, GSO, unread' 'expert, GSO, unread' at-least 1.0
compare 'Gbit/s' 'library, GSO, unread' 'no queue, unread' at-least 0.5
plot 'Gbit/s' gso bars 'One TCP connection through the router' ''
note 'plain: without GSO. NAT: the example, which rewrites every packet of both directions.'
note 'unread: the receiver has its kernel throw the bytes away (MSG_TRUNC), so that with no queue nobody but the sender ever touches them.'
