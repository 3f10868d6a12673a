#!/bin/bash
# resident memory that a divert socket adds to a small program, at first and later
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

MANY=$((PACKETS * 5))

# resident: the program's resident memory in KiB.
resident() {
    awk '/^VmRSS:/ { print $2 }' "/proc/$PROGRAM/status"
}

idle() {
    grep -q '^State:[[:space:]]*S' "/proc/$PROGRAM/status"
}

# A program without a socket, which waits in select().
idle_resident() {
    ns_start "$ROUTER" "$SCRATCH/program" taskset -c $PROGRAM_CPU "$@" "$BENCH/divert_loop" -n 0 $PORT
    PROGRAM=$STARTED
    sleep $SETTLE
    wait_until 'the program to wait' idle
    resident
    stop "$PROGRAM"
}

have_arrived() {
    (($(arrived) >= $1))
}

# pass COUNT: passes at least that many packets, at full rate.
pass() {
    local goal=$(($(arrived) + $1))
    flood_start
    DEADLINE=100 wait_until "$1 packets" have_arrived $goal || die 'too few packets'
    flood_stop
    sleep $SETTLE
}

measure() {
    local plain library open one many
    plain=$(idle_resident)
    library=$(idle_resident "${PRELOAD[@]}")
    program_start "${LIBRARY[@]}"
    sleep $SETTLE
    open=$(resident)
    in_ns "$CLIENT" "$BENCH/flood" -s 1 -n 1 "$SERVER_ADDRESS" $SINK_PORT >/dev/null
    sleep $SETTLE
    one=$(resident)
    pass $MANY
    many=$(resident)
    pass $MANY
    sample 'MiB' 'the program alone' "$(mib "$plain")"
    sample 'MiB' 'added by the library' "$(mib "$library - $plain")"
    sample 'MiB' 'added by a divert socket' "$(mib "$open - $library")"
    sample 'MiB' 'added by the first packet' "$(mib "$one - $open")"
    sample 'MiB' "added by a burst and $MANY packets" "$(mib "$many - $one")"
    sample 'MiB' "added by $MANY more" "$(mib "$(resident) - $many")"
    sample 'MiB' 'all that was added' "$(mib "$(resident) - $plain")"
    program_stop
}

mib() {
    calculate "($1) / 1024"
}

need_bench
network_make
divert_udp
title 'Resident memory'
in_turns measure library
limit MiB 'added by a divert socket' at-most 4
limit MiB "added by $MANY more" at-most 0
limit MiB 'all that was added' at-most 4
