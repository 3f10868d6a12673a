#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Needs a kernel with nft's queue statement: divert-run chooses nft by itself, the rules by hand of
# docs/by-hand.md work, and a killed divert-run leaves nothing behind that blocks the host's traffic.
# shellcheck source-path=SCRIPTDIR source=../net/lib/built.sh
. "$(dirname "$0")/../net/lib/built.sh"

need_divert_run
need_commands nft python3
hosts_make route-back
TEST_BACKENDS=nft
each_backend true # skips the test if nft cannot queue
BACKEND_OPTION=()

test_chosen_by_itself() {
    run_start "$ROUTER" 8000 -v -r 'divert 8000 icmp from any to any' "$EXAMPLES/printer" -p 8000
    expect_contains 'divert-run takes nft by itself' 'with nft' "$(cat "$RUN_LOG")"
    expect_contains 'its table' 'table inet divert_' "$(in_ns "$ROUTER" nft list tables)"
    expect_equal 'pings' 3 "$(ping_replies "$CLIENT" "$SERVER_ADDRESS" 3 -W 10)"
    expect_equal 'packets seen' 12 "$(printed "$RUN_LOG")"
    run_stop
    expect_no_rules "$ROUTER"
}

# The ruleset in docs/by-hand.md, with other interfaces and ports.
documented_rules() {
    sed -n '/^    table inet divert {$/,/^    }$/p' "$SOURCE/docs/by-hand.md" | sed "s/8668/8000/; s/eth0/$1/"
}

expect_length() {
    expect_contains "$1" "$2" "$(cat "$SCRATCH/log-by-hand")"
}

test_rules_by_hand() {
    documented_rules lan0 >"$SCRATCH/rules"
    expect_contains 'the document has rules' 'queue num 8000' "$(cat "$SCRATCH/rules")"
    expect_success 'nft takes the rules of the document' in_ns "$ROUTER" nft -f "$SCRATCH/rules"
    ns_start "$ROUTER" "$SCRATCH/log-by-hand" env LD_PRELOAD="$LIBRARY" "$EXAMPLES/printer" -p 8000
    wait_queue "$ROUTER" 8000 || finish
    expect_equal 'pings of 3000 bytes' 3 "$(ping_replies "$CLIENT" "$SERVER_ADDRESS" 3 -W 10 -s 3000)"
    expect_equal 'incoming: each in one piece' 3 \
        "$(grep -c '^in  lan0 10.1.0.2 -> 192.0.2.2 icmp length 3028' "$SCRATCH/log-by-hand")"
    expect_equal 'outgoing: each in one piece' 3 \
        "$(grep -c '^out wan0 192.0.2.2 -> 10.1.0.2 icmp length 3028' "$SCRATCH/log-by-hand")"
    stop "$STARTED"
    expect_equal 'with the program gone they drop' 0 "$(ping_replies "$CLIENT" "$SERVER_ADDRESS" 2)"
    in_ns "$ROUTER" nft delete table inet divert
    expect_no_rules "$ROUTER"
}

run_tests test_chosen_by_itself test_rules_by_hand
finish
