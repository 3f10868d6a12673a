#!/bin/bash
# the highest steady rate at which not one packet is lost
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

LOW=10000    # packets a second that every program can handle
HIGH=1280000 # and that none can
IN_STEP=98   # percent: if more packets still wait in the queue, the rate is not sustainable
STEPS=8      # halvings of the ratio of the two, each a run: 2 % at the end

# none_lost RATE: passes $PACKETS at that rate. True if all arrived, $IN_STEP percent of them before
# the last was sent, and the generator kept the rate.
none_lost() {
    local first in_step sent wall_ns
    first=$(arrived)
    flood_start -g -n "$PACKETS" -r "$1"
    wait "$FLOOD" || die "$(cat "$SCRATCH/flood")"
    in_step=$(($(arrived) - first))
    wait_until 'the queue to be empty' queue_is_empty || die 'the program hangs'
    sleep 0.02
    IFS='= ' read -r _ sent _ wall_ns <"$SCRATCH/flood"
    (($(arrived) - first >= PACKETS && in_step * 100 >= PACKETS * IN_STEP)) &&
        [[ $(calculate "$sent / $wall_ns * 1e9 > 0.98 * $1") == 1 ]]
}

measure() {
    local low=$LOW high=$HIGH rate step
    case $1 in
    library) program_start "${LIBRARY[@]}" ;;
    expert) program_start "${EXPERT[@]}" ;;
    plain) program_start "${PLAIN[@]}" ;;
    esac
    for ((step = 0; step < STEPS; step++)); do
        rate=$(calculate "int(sqrt($low * $high))")
        if none_lost "$rate"; then low=$rate; else high=$rate; fi
    done
    program_stop
    ((low > LOW)) || die "$1 lost packets at every rate"
    sample 'packets/s without loss' "$1" "$low"
}

need_bench
network_make
divert_udp
title "No packet of $PACKETS lost, UDP in IP packets of 64 bytes"
in_turns measure library expert plain
compare 'packets/s without loss' library expert at-least 0.85
note "All queues hold $QUEUE_LEN packets; at most $((100 - IN_STEP)) % of the packets may wait there at the end."
