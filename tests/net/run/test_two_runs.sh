#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Two divert-runs in one host: each program sees every packet that its rule selects, once.
# shellcheck source-path=SCRIPTDIR source=../lib/built.sh
. "$(dirname "$0")/../lib/built.sh"

need_divert_run
hosts_make route-back

# expect_both NUMBER1 NUMBER2: of the rules; the first divert-run is started first.
expect_both() {
    local first first_log
    run_start "$ROUTER" 8001 "${BACKEND_OPTION[@]}" -r "$1 divert 8001 icmp from any to any in" \
        "$EXAMPLES/printer" -p 8001
    first=$RUN_PID first_log=$RUN_LOG
    run_start "$ROUTER" 8002 "${BACKEND_OPTION[@]}" -r "$2 divert 8002 icmp from any to any in" \
        "$EXAMPLES/printer" -p 8002
    expect_equal "rules $1 and $2: replies" 5 "$(ping_replies "$CLIENT" "$SERVER_ADDRESS" 5)"
    run_stop
    stop "$first"
    expect_equal "rules $1 and $2: packets that each saw" '10 and 10' \
        "$(printed "$first_log") and $(printed "$RUN_LOG")"
    expect_no_rules "$ROUTER"
}

test_both_see_each_packet() {
    expect_both 100 200
    expect_both 200 100
    expect_both '' ''
}

each_backend run_tests test_both_see_each_packet
finish
