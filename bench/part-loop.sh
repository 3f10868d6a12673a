#!/bin/bash
# select, recvfrom, sendto on a divert socket, compared with a simple and a fast loop on NFQUEUE
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

BUSY_MIN=90 # percent of its core that a loop must use
PLACES=(FORWARD PREROUTING 'divert-run in')

# program_under PLACE SERIES: starts it, with the rule that diverts to it.
program_under() {
    case $1 in
    FORWARD) divert_udp ;;
    PREROUTING)
        in_ns "$ROUTER" iptables -t raw -A PREROUTING -p udp --dport $SINK_PORT -j NFQUEUE --queue-num $PORT ||
            die 'iptables takes no NFQUEUE rule'
        ;;
    esac
    case $1:$2 in
    divert-run*:library) program_start "${DIVERT_RUN[@]}" "$BENCH/divert_loop" $PORT ;;
    divert-run*:expert) program_start "${DIVERT_RUN[@]}" "$BENCH/expert_loop" -r $PORT $QUEUE_LEN ;;
    *:library) program_start "${LIBRARY[@]}" ;;
    *:expert) program_start "${EXPERT[@]}" ;;
    *:plain) program_start "${PLAIN[@]}" ;;
    esac
}

# The program's own meter runs from its first packet to its end.
measure() {
    local series=${1%%,*} place=${1#*, } arrived packets cpu_ns wall_ns
    arrived=$(arrived)
    program_under "$place" "$series"
    flood_start -g
    flood_wait "$arrived"
    sleep "$RUN_SECONDS"
    program_stop
    flood_stop
    in_ns "$ROUTER" iptables -t mangle -F
    in_ns "$ROUTER" iptables -t raw -F
    IFS='= ' read -r _ packets _ cpu_ns _ wall_ns <"$SCRATCH/program"
    [[ $packets =~ ^[1-9][0-9]*$ ]] || die "$1 passed no packets: $(cat "$SCRATCH/program" "$SCRATCH/flood")"
    sample "packets/s, $place" "$series" "$(calculate "$packets / $wall_ns * 1e9")"
    sample "CPU ns/packet, $place" "$series" "$(calculate "$cpu_ns / $packets")"
    ((100 * cpu_ns / wall_ns >= BUSY_MIN)) ||
        note "not a good round: $1 used $((100 * cpu_ns / wall_ns)) % of its core"
}

need_bench "$BUILD/divert-run"
network_make
DIVERT_RUN=("$BUILD/divert-run" -r "divert $PORT udp from any to any $SINK_PORT in recv lan0" --)
title 'A divert loop, UDP in IP packets of 64 bytes'
in_turns measure 'library, FORWARD' 'expert, FORWARD' 'plain, FORWARD' 'library, PREROUTING' 'expert, PREROUTING' \
    'library, divert-run in' 'expert, divert-run in'
for place in "${PLACES[@]}"; do
    compare "packets/s, $place" library expert at-least 0.85
    compare "CPU ns/packet, $place" library expert at-most 1.4
done
plot 'packets/s, FORWARD' loop bars 'A divert loop, packets of 64 bytes' ''
