#!/bin/bash
# select, recvfrom, sendto on a divert socket, against select, recv, verdict by hand
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

BUSY_MIN=90      # percent of its core that a loop must use
OVERLOAD_MIN=105 # percent of what is passed on that must be sent

sent() {
    in_ns "$CLIENT" cat /sys/class/net/eth0/statistics/tx_packets
}

command_of() {
    case $1 in
    library) COMMAND=("${LIBRARY[@]}") ;;
    'library, BATCH=0') COMMAND=("${PRELOAD[@]}" DIVERTSHIM_BATCH=0 "$BENCH/divert_loop" "$PORT") ;;
    hand-written) COMMAND=("${HAND_WRITTEN[@]}") ;;
    esac
}

# The program's own meter runs from its first packet to its end.
measure() {
    local sent arrived packets cpu_ns wall_ns
    command_of "$1"
    sent=$(sent)
    arrived=$(arrived)
    program_start "${COMMAND[@]}"
    flood_start
    flood_wait "$arrived"
    sleep "$RUN_SECONDS"
    program_stop
    sent=$(($(sent) - sent))
    arrived=$(($(arrived) - arrived))
    flood_stop
    IFS='= ' read -r _ packets _ cpu_ns _ wall_ns <"$SCRATCH/program"
    [[ $packets =~ ^[1-9][0-9]*$ ]] || die "$1 passed no packets: $(cat "$SCRATCH/program" "$SCRATCH/flood")"
    sample 'packets/s' "$1" "$(calculate "$packets / $wall_ns * 1e9")"
    sample 'CPU ns/packet' "$1" "$(calculate "$cpu_ns / $packets")"
    check "$1: used % of its core" "$((100 * cpu_ns / wall_ns))" $BUSY_MIN
    check "$1: the flood sent % of what it passed on" "$((100 * sent / packets))" $OVERLOAD_MIN
    check "$1: % of what it passed on arrived" "$((100 * arrived / packets))" 99
}

# check WHAT VALUE MINIMUM: a round that says little is named.
check() {
    (($2 >= $3)) || note "not a good round: ${1/\%/$2 %} (at least $3 expected)"
}

need_bench
network_make
divert_udp
title 'A divert loop, UDP in IP packets of 64 bytes'
in_turns measure library 'library, BATCH=0' hand-written
compare 'packets/s' library hand-written at-least 1.2
compare 'CPU ns/packet' library hand-written at-most 0.85
plot 'packets/s' loop bars 'A divert loop, packets of 64 bytes' ''
