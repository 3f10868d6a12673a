#!/bin/bash
# two listeners on one port compared with one, each with 20 microseconds of work for a packet
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

WORK_NS=20000
RATE_SENT=80000  # packets a second: more than two listeners can handle
ADDRESSES=64     # the kernel distributes the packets by their addresses
FIRST_ADDRESS=198.51.100.1

# Separate processes, each with a socket; divert-run shares the port among them.
measure() {
    local listener="$BENCH/divert_loop -l -b $WORK_NS $PORT" FLOOD_TO=$FIRST_ADDRESS
    case $1 in
    'one listener') set -- "$1" -- timeout 60 "$BENCH/divert_loop" -b $WORK_NS $PORT ;;
    'two listeners') set -- "$1" --listeners 2 -- timeout 60 sh -c "$listener & $listener & wait" ;;
    esac
    router_start "$BUILD/divert-run" -r "divert $PORT udp from any to any $SINK_PORT in recv lan0" "${@:2}"
    sleep $SETTLE
    flood_anywhere -g -r $RATE_SENT -a $ADDRESSES
    rate_measure
    flood_stop
    stop "$PROGRAM"
    wait_queue_free "$ROUTER" $PORT || die 'a listener did not end'
    sample 'packets/s' "$1" "$RATE"
    sample 'CPU µs/packet' "$1" "$(sed -n 's/^packets=\([0-9]*\) cpu_ns=\([0-9]*\) .*/\1 \2/p' "$SCRATCH/program" |
        awk '{ packets += $1; ns += $2 } END { printf "%.9g", ns / packets / 1000 }')"
}

need_bench "$BUILD/divert-run"
network_make
ip -n "$ROUTER" route add 198.51.100.0/24 via "$SERVER_ADDRESS"
title 'Listeners that work 20 µs on each packet'
in_turns measure 'one listener' 'two listeners'
compare 'packets/s' 'two listeners' 'one listener' at-least 1.5
compare 'CPU µs/packet' 'two listeners' 'one listener' at-most 1.1
note 'The generator has no core of its own here: it takes from two listeners what they lack to twice the packets of one. Neither takes more CPU time for a packet than one alone.'
