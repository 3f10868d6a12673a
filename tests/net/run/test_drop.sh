#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The drop example drops exactly the packets that contain its pattern.
# shellcheck source-path=SCRIPTDIR source=../lib/built.sh
. "$(dirname "$0")/../lib/built.sh"

need_divert_run
need_commands socat
need_files "$EXAMPLES/drop"
hosts_make route-back

# Twenty datagrams, every fourth with the pattern, and one more that marks the end.
lines() {
    local i
    for i in {1..20}; do
        if ((i % 4 == 0)); then echo "$i has the secret in it"; else echo "$i has nothing in it"; fi
    done
    echo end
}

send_lines() {
    # shellcheck disable=SC2016
    lines | in_ns "$CLIENT" bash -c \
        'exec 3>"/dev/udp/$1/5002"; while read -r line; do echo "$line" >&3; done' - "$SERVER_ADDRESS"
}

all_arrived() {
    (($(wc -l <"$SCRATCH/arrived") == 16 + 21))
}

test_packets_with_the_pattern_are_dropped() {
    run_start "$ROUTER" 8000 -r 'divert 8000 udp from any to any 5002 in' \
        "$EXAMPLES/drop" -p 8000 secret
    ns_start "$SERVER" "$SCRATCH/arrived" socat -u UDP4-RECV:5002 STDOUT
    wait_udp "$SERVER" 5002
    send_lines
    wait_until 'the last datagram' file_contains "$SCRATCH/arrived" end
    expect_equal 'what arrives' "$(lines | grep -v secret)" "$(cat "$SCRATCH/arrived")"
    run_stop
    expect_equal 'SIGTERM ends it with status 0' 0 $?
    expect_contains 'its counters' 'drop: 16 passed, 5 dropped, 0 errors' "$(cat "$RUN_LOG")"
    expect_no_rules "$ROUTER"

    send_lines
    wait_until 'all datagrams' all_arrived
    expect_equal 'without it all arrives' "$(lines | grep -v secret; lines)" "$(cat "$SCRATCH/arrived")"
}

run_tests test_packets_with_the_pattern_are_dropped
finish
