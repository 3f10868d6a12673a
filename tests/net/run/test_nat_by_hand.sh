#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The same NAT with nothing but LD_PRELOAD, and rules made by hand with iptables.
# shellcheck source-path=SCRIPTDIR source=../lib/built.sh
. "$(dirname "$0")/../lib/built.sh"
# shellcheck source-path=SCRIPTDIR source=../lib/nat_traffic.sh
. "$(dirname "$0")/../lib/nat_traffic.sh"

TEST_BACKENDS='iptables-legacy iptables-nft' # these rules are not divert-run's

need_divert_run
need_commands socat python3
need_files "$EXAMPLES/nat"
hosts_make
nat_server_start

# rules -A | -D
rules() {
    expect_success "iptables -t raw $1 PREROUTING" \
        in_ns "$ROUTER" iptables -t raw "$1" PREROUTING -i wan0 -j NFQUEUE --queue-num 8668
    expect_success "iptables -t mangle $1 POSTROUTING" \
        in_ns "$ROUTER" iptables -t mangle "$1" POSTROUTING -o wan0 -j NFQUEUE --queue-num 8668
}

test_nat_with_rules_by_hand() {
    local nat
    [[ $BACKEND == iptables-* ]] || return 0
    rules -A
    ns_start "$ROUTER" "$SCRATCH/log-nat" env LD_PRELOAD="$LIBRARY" "$EXAMPLES/nat" -p 8668 -n wan0
    nat=$STARTED
    wait_queue "$ROUTER" 8668 || finish
    expect_nat_traffic
    stop "$nat"
    expect_equal 'SIGTERM ends it with status 0' 0 $?
    expect_equal 'the program said nothing' '' "$(cat "$SCRATCH/log-nat")"
    expect_equal 'with its program gone the rules drop what they divert' 0 \
        "$(ping_replies "$CLIENT" "$SERVER_ADDRESS" 2)"
    rules -D
    expect_no_rules "$ROUTER"
}

expect_nothing_without_nat
each_backend run_tests test_nat_with_rules_by_hand
finish
