#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The firewall is emptied or reloaded under a running program.
# shellcheck source-path=SCRIPTDIR source=../lib/built.sh
. "$(dirname "$0")/../lib/built.sh"

need_divert_run
hosts_make route-back

RULES=(-r '100 divert 8000 icmp from any to any' -r '200 deny udp from any to any')

# jumps: the number of jumps to the rules of runs, in all packet filters.
jumps() {
    local save
    {
        for save in iptables-legacy-save iptables-nft-save; do
            in_ns "$ROUTER" "$save" 2>/dev/null | grep 'ROUTING .*"divert-run pid='
        done
        ! command -v nft >/dev/null || in_ns "$ROUTER" nft list ruleset 2>/dev/null | grep 'jump [a-z]* comment "divert-run pid='
    } | wc -l
}

has_jumps() {
    (($(jumps) == $1))
}

# Removes everything that others than divert-run can remove.
empty_all() {
    local table
    for table in raw mangle; do
        in_ns "$ROUTER" iptables -t "$table" -F
        in_ns "$ROUTER" iptables -t "$table" -X
    done
    ! command -v nft >/dev/null || in_ns "$ROUTER" nft flush ruleset
}

empty_one_chain() {
    in_ns "$ROUTER" iptables -t raw -F PREROUTING
}

load_others() {
    in_ns "$ROUTER" iptables-restore <<'END'
*raw
-A PREROUTING -p udp --dport 9 -j ACCEPT
COMMIT
*mangle
-A POSTROUTING -p udp --dport 9 -j ACCEPT
COMMIT
END
}

# With nft the table has an owner, if the kernel supports that, and nobody else can empty it.
forget_nft_tables() {
    in_ns "$ROUTER" nft list tables | while read -r _ family name; do
        in_ns "$ROUTER" nft delete table "$family" "$name" 2>/dev/null
    done
}

# expect_restored COMMAND: runs it twice, and expects that the rules are put back.
expect_restored() {
    local lines=1
    run_start "$ROUTER" 8000 "${BACKEND_OPTION[@]}" "${RULES[@]}" "$EXAMPLES/printer" -p 8000
    "$1"
    wait_until "$1: rules that are there again" has_jumps 2
    expect_equal "$1: replies" 5 "$(ping_replies "$CLIENT" "$SERVER_ADDRESS" 5)"
    expect_equal "$1: packets that were diverted" 20 "$(printed "$RUN_LOG")"
    "$1"
    wait_until "$1: rules that are there once more" has_jumps 2
    run_stop
    [[ $BACKEND != nft ]] || lines=0 # nobody could remove them
    expect_equal "$1: lines about it" "$lines" \
        "$(grep -c 'somebody removed the rules from the packet filter; they are put back' "$RUN_LOG")"
    empty_all
    expect_no_rules "$ROUTER"
}

test_rules_are_put_back() {
    expect_restored empty_all
    [[ $BACKEND == iptables-legacy ]] || expect_restored forget_nft_tables
    if [[ $BACKEND != nft ]]; then
        expect_restored empty_one_chain
        expect_restored load_others
    fi
}

says_removed() {
    grep -q 'somebody removed the rules from the packet filter; nothing is diverted any more' "$RUN_LOG"
}

# --status reports missing rules.
test_no_restore() {
    [[ $BACKEND != nft ]] || return 0
    run_start "$ROUTER" 8000 "${BACKEND_OPTION[@]}" --no-restore "${RULES[@]}" "$EXAMPLES/printer" -p 8000
    expect_contains 'before' '100 divert 8000 icmp from any to any'$'\n' "$(in_ns "$ROUTER" "$DIVERT_RUN" --status)"
    empty_all
    wait_until 'a line about it' says_removed
    expect_contains 'behind it' '100 divert 8000 icmp from any to any  (not in the packet filter)' \
        "$(in_ns "$ROUTER" "$DIVERT_RUN" --status)"
    expect_contains 'behind it, for programs' '"rules":[],"removed_rules":["100 divert' \
        "$(in_ns "$ROUTER" "$DIVERT_RUN" --status --json)"
    expect_equal 'rules that were put back' 0 "$(jumps)"
    run_stop
    expect_no_rules "$ROUTER"
}

# Each run puts its own rules back, whichever notices first.
test_order_of_two_runs_stays() {
    local first first_log
    [[ $BACKEND != nft ]] || return 0
    run_start "$ROUTER" 8001 "${BACKEND_OPTION[@]}" -r '100 divert 8001 icmp from any to any in recv lan0' \
        "$EXAMPLES/printer" -p 8001
    first=$RUN_PID first_log=$RUN_LOG
    run_start "$ROUTER" 8002 "${BACKEND_OPTION[@]}" -r '100 deny icmp from any to any in recv lan0' \
        -r '200 divert 8002 icmp from any to any' "$EXAMPLES/printer" -p 8002
    for _ in {1..4}; do
        empty_all
        wait_until 'the rules of both' has_jumps 4
    done
    expect_equal 'replies' 0 "$(ping_replies "$CLIENT" "$SERVER_ADDRESS" 5)"
    expect_equal 'the first sees what the second denies' 5 "$(printed "$first_log")"
    stop "$first"
    run_stop
    empty_all
    expect_no_rules "$ROUTER"
}

each_backend run_tests test_rules_are_put_back test_no_restore test_order_of_two_runs_stays
finish
