#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The lines of rules with log, as ipfw(8) writes them.
# shellcheck source-path=SCRIPTDIR source=../lib/built.sh
. "$(dirname "$0")/../lib/built.sh"

need_divert_run
need_commands socat
hosts_make route-back

# logging_start RULE...: until run_stop. With -v the lines always go to the standard error.
logging_start() {
    local rule rules=(-r '65000 divert 8000 ip from any to 198.51.100.9')
    for rule in "$@"; do
        rules+=(-r "$rule")
    done
    run_start "$ROUTER" 8000 -v "${BACKEND_OPTION[@]}" "${rules[@]}" -- "$EXAMPLES/printer" -p 8000
}

# expect_line WHAT TEXT
expect_line() {
    wait_until "$1" file_contains "$RUN_LOG" "$2" 2>/dev/null
    expect_contains "$1" "$2" "$(grep ipfw: "$RUN_LOG")"
}

# lines TEXT: how many lines contain it.
lines() {
    grep -c -F "$1" "$RUN_LOG"
}

# udp_send PORT: from port 4000 of the client to the server.
udp_send() {
    echo x | in_ns "$CLIENT" socat -u - "udp-sendto:$SERVER_ADDRESS:$1,sourceport=4000"
}

lines_are_ipfws() {
    logging_start '100 deny log udp from any to any 5001 in' '200 unreach port log udp from any to any 5002 in' \
        '300 count log icmp from any to any out xmit wan0' '400 allow log { tcp or udp } from any to any 5003 in' \
        '500 skipto 600 log udp from any to any 5004 out'
    udp_send 5001
    expect_line 'what was denied' \
        "ipfw: 100 Deny UDP $CLIENT_ADDRESS:4000 $SERVER_ADDRESS:5001 in via lan0"
    udp_send 5002
    expect_line 'what was refused' \
        "ipfw: 200 Unreach 3 UDP $CLIENT_ADDRESS:4000 $SERVER_ADDRESS:5002 in via lan0"
    expect_equal 'a ping that is counted' 1 "$(ping_replies "$CLIENT" "$SERVER_ADDRESS" 1 -W 5)"
    expect_line 'what was counted' "ipfw: 300 Count ICMP:8.0 $CLIENT_ADDRESS $SERVER_ADDRESS out via wan0"
    udp_send 5003
    expect_line 'an alternative' \
        "ipfw: 400 Accept UDP $CLIENT_ADDRESS:4000 $SERVER_ADDRESS:5003 in via lan0"
    udp_send 5004
    expect_line 'what was skipped' \
        "ipfw: 500 SkipTo 600 UDP $CLIENT_ADDRESS:4000 $SERVER_ADDRESS:5004 out via wan0"
    expect_equal 'lines in all' 5 "$(lines ipfw:)"
    run_stop
    expect_no_rules "$ROUTER"
}

logamount_limits() {
    local _
    logging_start 'deny log logamount 3 udp from any to any 5001 in' 'deny log udp from any to any 5002 in'
    for _ in 1 2 3 4 5; do
        udp_send 5001
    done
    udp_send 5002
    expect_line 'the rule behind' 'ipfw: 65200 Deny'
    expect_equal 'lines of the rule with a limit' 3 "$(lines 'ipfw: 65100 Deny')"
    expect_contains 'the limit is told' 'ipfw: limit 3 reached on entry 65100' "$(grep ipfw: "$RUN_LOG")"
    run_stop
}

test_log_lines() {
    each_backend lines_are_ipfws
}

test_logamount() {
    each_backend logamount_limits
}

run_tests test_log_lines test_logamount
finish
