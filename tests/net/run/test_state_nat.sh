#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A NAT router with a stateful rule set: the dynamic rules have the addresses of the inner side of the
# NAT. Inner hosts reach the ports that a rule allows, and nothing else; unsolicited packets are
# blocked.
# shellcheck source-path=SCRIPTDIR source=../lib/built.sh
. "$(dirname "$0")/../lib/built.sh"
# shellcheck source-path=SCRIPTDIR source=../lib/nat_traffic.sh
. "$(dirname "$0")/../lib/nat_traffic.sh"

need_divert_run
need_commands socat python3
need_files "$EXAMPLES/nat"
hosts_make
nat_server_start

write_rules() {
    cat >"$SCRATCH/rules" <<'END'
# loopback and the inner network
add 10 allow all from any to any via lo0
add 20 allow all from any to any via lan0
# what comes in is translated, then checked
add 100 divert 8668 ip4 from any to any in via wan0
add 101 check-state
# connections that inner hosts may open
add 110 skipto 1000 tcp from any to any 5001 out via wan0 setup keep-state
add 120 skipto 1000 udp from any to any 5002 out via wan0 keep-state
add 130 skipto 1000 icmp from any to any out via wan0 icmptypes 8 keep-state
# connections that others may open
add 200 allow tcp from any to me 2222 in via wan0 setup limit src-addr 2
add 999 deny ip from any to any
add 1000 divert 8668 ip4 from any to any out via wan0
add 1010 allow ip from any to any
END
}

# tcp_opens NAMESPACE ADDRESS PORT
tcp_opens() {
    in_ns "$1" timeout 3 socat -u /dev/null "TCP4:$2:$3" 2>/dev/null
}

test_stateful_nat() {
    write_rules
    run_start "$ROUTER" 8668 "${BACKEND_OPTION[@]}" -f "$SCRATCH/rules" "$EXAMPLES/nat" -p 8668 -n wan0
    expect_nat_traffic
    ns_start "$SERVER" "$SCRATCH/log-shut" socat TCP4-LISTEN:5003,fork,reuseaddr /dev/null
    wait_tcp "$SERVER" 5003
    expect_failure 'a port that no rule lets out' tcp_opens "$CLIENT" "$SERVER_ADDRESS" 5003
    ns_start "$ROUTER" "$SCRATCH/log-inside" socat TCP4-LISTEN:5004,fork,reuseaddr /dev/null
    wait_tcp "$ROUTER" 5004
    expect_failure 'what nobody asked for' tcp_opens "$SERVER" "$WAN_ADDRESS" 5004
    expect_equal 'pings that nobody asked for' 0 "$(ping_replies "$SERVER" "$WAN_ADDRESS" 2)"
    run_stop
    expect_no_rules "$ROUTER"
}

# holds a connection open until it is stopped
hold_open() {
    ns_start "$SERVER" "$SCRATCH/log-held-$1" socat -u "TCP4:$WAN_ADDRESS:2222" /dev/null
    wait_until "connection $1" established "$1"
}

established() {
    (($(in_ns "$ROUTER" ss -Htn state established 'sport = 2222' | wc -l) == $1))
}

test_limited_service() {
    local held
    write_rules
    run_start "$ROUTER" 8668 "${BACKEND_OPTION[@]}" -f "$SCRATCH/rules" "$EXAMPLES/nat" -p 8668 -n wan0
    ns_start "$ROUTER" "$SCRATCH/log-service" socat TCP4-LISTEN:2222,fork,reuseaddr 'EXEC:sleep 60'
    wait_tcp "$ROUTER" 2222
    hold_open 1
    held=$STARTED
    hold_open 2
    expect_failure 'a third connection' tcp_opens "$SERVER" "$WAN_ADDRESS" 2222
    stop "$held"
    expect_success 'room for another one' wait_until 'room' tcp_opens "$SERVER" "$WAN_ADDRESS" 2222
    run_stop
}

udp_states() {
    in_ns "$ROUTER" nft list ruleset 2>/dev/null | grep -c '\. 5002 \. udp .*timeout 3s'
}

no_udp_states() {
    [[ $(udp_states) == 0 ]]
}

# A script sets how long they last.
test_lifetimes_of_a_script() {
    write_rules
    {
        printf 'sysctl net.inet.ip.fw.dyn_udp_lifetime=3\n'
        sed -n 's/^add/ipfw -q add/p' "$SCRATCH/rules"
    } >"$SCRATCH/script"
    run_start "$ROUTER" 8668 "${BACKEND_OPTION[@]}" --ipfw-script "$SCRATCH/script" -- "$EXAMPLES/nat" -p 8668 -n wan0
    expect_equal 'UDP: what comes back' 'the same' "$(udp_echo 100)"
    expect_equal 'dynamic rules for it' 1 "$(udp_states)"
    expect_success 'they go when their time is over' wait_until 'their end' no_udp_states
    run_stop
}

expect_nothing_without_nat
TEST_BACKENDS=nft each_backend run_tests test_stateful_nat test_limited_service \
    test_lifetimes_of_a_script
finish
