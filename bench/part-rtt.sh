#!/bin/bash
# round trip time of pings that pass the program twice, idle and under load
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

PINGS=20000
LOAD=20000 # UDP packets a second that also pass the program

# ping SERIES LOAD
ping_through() {
    local median p99
    IFS='= ' read -r _ _ _ _ _ median _ p99 < <(in_ns "$CLIENT" "$BENCH/rtt" -c $GENERATOR_CPU \
        -n $PINGS -s "$RUN_SECONDS" "$SERVER_ADDRESS")
    sample "median µs, $2" "$1" "$median"
    sample "99th percentile µs, $2" "$1" "$p99"
}

measure() {
    case $1 in
    library) program_start "${LIBRARY[@]}" ;;
    expert) program_start "${EXPERT[@]}" ;;
    plain) program_start "${PLAIN[@]}" ;;
    esac
    ping_through "$1" idle
    flood_start -r $LOAD
    sleep $SETTLE
    ping_through "$1" loaded
    flood_stop
    program_stop
}

need_bench "$BENCH/rtt"
network_make
divert_udp
divert -p icmp
title "Round trip of pings, idle and beside $LOAD packets/s"
in_turns measure library expert plain
compare 'median µs, idle' library plain at-most 1.05
compare 'median µs, loaded' library plain at-most 1.1
