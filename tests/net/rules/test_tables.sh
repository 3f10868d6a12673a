#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Rules with tables of ipfw, on real packets.
# shellcheck source-path=SCRIPTDIR source=../lib/built.sh
. "$(dirname "$0")/../lib/built.sh"

need_divert_run
need_commands seq socat
hosts_make route-back

# tables_start LINE...: a printer on divert port 8000 in the router, with these lines as its file of rules.
tables_start() {
    printf '%s\n' "$@" >"$SCRATCH/rules"
    run_start "$ROUTER" 8000 "${BACKEND_OPTION[@]}" -f "$SCRATCH/rules" "$EXAMPLES/printer" -p 8000
}

tables_stop() {
    run_stop
    expect_no_rules "$ROUTER"
}

# expect_replies WHAT COUNT NS ADDRESS: of two pings.
expect_replies() {
    local wait=10
    (($2 > 0)) || wait=1
    expect_equal "$1" "$2" "$(ping_replies "$3" "$4" 2 -W "$wait")"
}

have_printed() {
    (($(printed "$RUN_LOG") >= $1))
}

expect_printed() {
    wait_until "$2 packets" have_printed "$2" 2>/dev/null
    expect_equal "$1" "$2" "$(printed "$RUN_LOG")"
}

test_table_of_addresses() {
    tables_start 'table 1 add 10.1.0.0/24 0 10.1.0.7 1 192.168.0.0/16' \
        'add 100 divert 8000 icmp from table(1) to me in' \
        'add 200 deny icmp from not table(1) to me in'
    expect_replies 'from an address in the table' 2 "$CLIENT" "$LAN_ADDRESS"
    expect_replies 'from another one' 0 "$SERVER" "$WAN_ADDRESS"
    expect_printed 'packets that were diverted' 2
    tables_stop
}

test_table_with_values() {
    tables_start "table who add 10.1.0.0/16 1 $CLIENT_ADDRESS 2 192.0.2.0/24 1" \
        'add 100 divert 8000 icmp from table(who,2) to any in' \
        'add 200 deny icmp from table(who,1) to me in'
    expect_replies 'the longest prefix has the value' 2 "$CLIENT" "$LAN_ADDRESS"
    expect_replies 'and not the other value' 0 "$SERVER" "$WAN_ADDRESS"
    expect_printed 'packets that were diverted' 2
    tables_stop
}

test_port_from_the_table() {
    tables_start 'table to create valtype divert,skipto' "table to add 10.1.0.0/16 300,8001" \
        "table to add $CLIENT_ADDRESS 300,8000 192.0.2.0/24 250,8000" \
        'add 100 skipto tablearg icmp from any to me in lookup src-ip to' \
        'add 250 deny icmp from any to me in' \
        'add 300 divert tablearg icmp from table(to) to any in'
    expect_replies 'to the number and the port of the client' 2 "$CLIENT" "$LAN_ADDRESS"
    expect_replies 'to the number of the server' 0 "$SERVER" "$WAN_ADDRESS"
    expect_printed 'packets that were diverted' 2
    tables_stop
}

test_tables_of_interfaces_and_ports() {
    tables_start 'table in create type iface' 'table in add em7 0 lan0 0' \
        'table web create type number' 'table web add 7000 0 7001' \
        'add 100 divert 8000 icmp from any to any recv table(in) in' \
        'add 200 deny udp from any to any in lookup dst-port web'
    expect_replies 'on an interface in the table' 2 "$CLIENT" "$LAN_ADDRESS"
    expect_replies 'on another one' 2 "$SERVER" "$WAN_ADDRESS"
    expect_printed 'packets that were diverted' 2
    ns_start "$SERVER" "$SCRATCH/udp" socat -u UDP4-RECV:7001 STDOUT
    ns_start "$SERVER" "$SCRATCH/udp2" socat -u UDP4-RECV:7002 STDOUT
    wait_udp "$SERVER" 7001
    wait_udp "$SERVER" 7002
    in_ns "$CLIENT" socat -u STDIN "UDP4:$SERVER_ADDRESS:7001" <<<denied
    in_ns "$CLIENT" socat -u STDIN "UDP4:$SERVER_ADDRESS:7002" <<<passes
    wait_until 'what goes to another port' file_contains "$SCRATCH/udp2" passes
    expect_equal 'what goes to a port in the table' '' "$(cat "$SCRATCH/udp")"
    ns_signal "$SERVER" TERM
    tables_stop
}

# One of 8,000 networks is the client's. iptables-nft takes seconds for that many.
test_large_table() {
    local lines=() i
    for i in $(seq 0 3999); do
        lines+=("table big add 11.$((i / 250)).$((i % 250)).0/25 0 10.200.$((i / 125)).$((i % 125 * 2))/32")
    done
    DEADLINE=60 tables_start "${lines[@]}" "table big add $CLIENT_ADDRESS" \
        'add 100 divert 8000 icmp from table(big) to me in' 'add 200 deny icmp from not table(big) to me in'
    expect_replies 'from the one address' 2 "$CLIENT" "$LAN_ADDRESS"
    expect_replies 'from another' 0 "$SERVER" "$WAN_ADDRESS"
    ip -n "$SERVER" address add 11.10.20.20/32 dev eth0
    ip -n "$ROUTER" route add 11.0.0.0/8 dev wan0
    expect_equal 'from one in a network' 2 "$(ping_replies "$SERVER" "$WAN_ADDRESS" 2 -W 10 -I 11.10.20.20)"
    ip -n "$SERVER" address del 11.10.20.20/32 dev eth0
    ip -n "$ROUTER" route del 11.0.0.0/8 dev wan0
    expect_printed 'packets that were diverted' 4
    tables_stop
}

test_empty_table() {
    tables_start 'add 100 deny icmp from table(9) to any' 'add 200 divert 8000 icmp from not table(9) to me in'
    expect_replies 'nothing is in it' 2 "$CLIENT" "$LAN_ADDRESS"
    expect_printed 'packets that were diverted' 2
    tables_stop
}

tables_tests() {
    run_tests test_table_of_addresses test_table_with_values test_port_from_the_table \
        test_tables_of_interfaces_and_ports test_large_table test_empty_table
}

each_backend tables_tests
finish
