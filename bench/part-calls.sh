#!/bin/bash
# system calls a packet, and instructions of the program and its libraries
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

FEW=20000 # packets of one run; the other has three times that many
RATE_SENT=100000
SLOW=30 # the factor by which counting may slow a program down

# under TOOL...: the command of $SERIES, with the program run under the tool.
under() {
    case $SERIES in
    library) COMMAND=("${PRELOAD[@]}" "$@" "$BENCH/divert_loop" "$PORT") ;;
    expert) COMMAND=("$@" "${EXPERT[@]}") ;;
    plain) COMMAND=("$@" "${PLAIN[@]}") ;;
    esac
}

# passed: the program's own count of packets.
passed() {
    sed -n 's/^packets=\([0-9]*\) .*/\1/p' "$SCRATCH/program"
}

# Only those that have to do with packets, not those at the start and the end of a program.
count_calls() {
    under strace -f -c -U name,calls -o "$SCRATCH/calls"
    program_start "${COMMAND[@]}"
    flood_start -g
    flood_wait "$(arrived)"
    sleep "$RUN_SECONDS"
    flood_stop
    pkill -TERM -P "$PROGRAM" || die 'the program has ended'
    wait "$PROGRAM" || die "the program failed: $(cat "$SCRATCH/program")"
    wait_queue_free "$ROUTER" $PORT || die 'the program did not end'
    sample 'system calls/packet' "$SERIES" "$(awk -v packets="$(passed)" '
        $1 ~ /^(recv|send|p?select|p?poll|io_uring_enter|prctl|read|write)/ { calls += $2 }
        END { printf "%.9g", calls / packets }' "$SCRATCH/calls")"
}

# instructions COUNT: sets $INSTRUCTIONS to those that it took to pass that many packets.
instructions() {
    under valgrind --tool=callgrind --callgrind-out-file=/dev/null
    program_start "${COMMAND[@]}"
    flood_start -g -n "$1" -r $RATE_SENT
    wait "$FLOOD" || die "$(cat "$SCRATCH/flood")"
    DEADLINE=$((SLOW * $1 / RATE_SENT + 30)) wait_until 'the queue to be empty' queue_is_empty || die 'the program hangs'
    program_stop
    [[ $(passed) == "$1" ]] || die "$SERIES passed $(passed) packets of $1"
    INSTRUCTIONS=$(sed -n 's/.*Collected : //p' "$SCRATCH/program")
}

count_instructions() {
    local of_few
    instructions $FEW
    of_few=$INSTRUCTIONS
    instructions $((FEW * 3))
    sample 'instructions/packet' "$SERIES" "$(calculate "($INSTRUCTIONS - $of_few) / ($FEW * 2)")"
}

measure() {
    SERIES=$1
    count_calls
    count_instructions
}

need_bench
need_commands strace valgrind pkill
network_make
divert_udp
title 'System calls and instructions a packet, UDP in IP packets of 64 bytes'
ROUNDS=1 in_turns measure library expert plain
limit 'system calls/packet' library at-most 0.2
note 'Instructions: of the program and its libraries, not of the kernel; all that is taken out of the queue, looked at and given back.'
