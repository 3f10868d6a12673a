#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The printer example prints the packets that pass, and they arrive.
# shellcheck source-path=SCRIPTDIR source=../lib/built.sh
. "$(dirname "$0")/../lib/built.sh"

need_divert_run
need_commands socat
hosts_make route-back

# expect_line TEXT: waits until the printer has printed it.
expect_line() {
    if wait_until "'$1'" file_contains "$RUN_LOG" "$1"; then
        ok "printed: $1"
    else
        not_ok 'the printer' "a line '$1'" "$(cat "$RUN_LOG")"
    fi
}

test_icmp() {
    expect_equal 'pings answered' 5 "$(ping_replies "$CLIENT" "$SERVER_ADDRESS" 5 -W 10)"
    expect_line 'in  lan0 10.1.0.2 -> 192.0.2.2 icmp length 84'
    expect_line 'out lan0 10.1.0.2 -> 192.0.2.2 icmp length 84'
    expect_line 'in  wan0 192.0.2.2 -> 10.1.0.2 icmp length 84'
    expect_line 'out wan0 192.0.2.2 -> 10.1.0.2 icmp length 84'
    expect_equal 'four lines for each ping' 20 "$(printed "$RUN_LOG")"
}

test_udp() {
    ns_start "$SERVER" "$SCRATCH/udp" socat -u UDP4-RECV:5002 STDOUT
    wait_udp "$SERVER" 5002
    echo something | in_ns "$CLIENT" socat -u STDIN "UDP4:$SERVER_ADDRESS:5002,sourceport=4444"
    expect_line 'in  lan0 10.1.0.2:4444 -> 192.0.2.2:5002 udp length 38'
    expect_line 'out lan0 10.1.0.2:4444 -> 192.0.2.2:5002 udp length 38'
    wait_until 'the datagram' file_contains "$SCRATCH/udp" something
    expect_equal 'UDP arrives' something "$(cat "$SCRATCH/udp")"
}

test_tcp() {
    ns_start "$SERVER" "$SCRATCH/tcp" socat -u TCP4-LISTEN:5001 STDOUT
    wait_tcp "$SERVER" 5001
    echo something | in_ns "$CLIENT" socat -u STDIN "TCP4:$SERVER_ADDRESS:5001,sourceport=4445"
    wait_until 'the line' file_contains "$SCRATCH/tcp" something
    expect_equal 'TCP arrives' something "$(cat "$SCRATCH/tcp")"
    expect_line 'in  lan0 10.1.0.2:4445 -> 192.0.2.2:5001 tcp length 60'
    expect_line 'out wan0 192.0.2.2:5001 -> 10.1.0.2:4445 tcp length 60'
}

test_own_packets() {
    expect_equal 'pings of the host itself' 3 "$(ping_replies "$ROUTER" "$SERVER_ADDRESS" 3 -W 10)"
    expect_line 'out - 192.0.2.1 -> 192.0.2.2 icmp length 84'
    expect_line 'in  wan0 192.0.2.2 -> 192.0.2.1 icmp length 84'
}

run_start "$ROUTER" 700 -r 'divert 700 ip4 from any to any' "$EXAMPLES/printer"
run_tests test_icmp test_udp test_tcp test_own_packets
run_stop
expect_equal 'SIGTERM, which the printer does not catch' 143 $?
expect_no_rules "$ROUTER"
finish
