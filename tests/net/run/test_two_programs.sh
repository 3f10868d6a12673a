#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Rules select packets and are ordered as in ipfw: two printers on ports 8001 and 8002 show it.
# shellcheck source-path=SCRIPTDIR source=../lib/built.sh
. "$(dirname "$0")/../lib/built.sh"

PINGS=5 # from the client to the server; each crosses the router four times

need_divert_run
hosts_make route-back

# two_start RULE...: divert-run with both printers, which print to $SCRATCH/log-8001 and log-8002.
two_start() {
    local rule arguments=()
    for rule in "$@"; do
        arguments+=(-r "$rule")
    done
    # shellcheck disable=SC2016
    run_start "$ROUTER" 8001 "${BACKEND_OPTION[@]}" "${arguments[@]}" -- bash -c '
        "$0" -p 8001 >"$1/log-8001" & "$0" -p 8002 >"$1/log-8002" & trap "kill \$(jobs -p)" TERM; wait' \
        "$EXAMPLES/printer" "$SCRATCH"
    wait_queue "$ROUTER" 8002 || finish
}

both_printed() {
    printf '%s and %s' "$(printed "$SCRATCH/log-8001")" "$(printed "$SCRATCH/log-8002")"
}

# expect_seen REPLIES SEEN-BY-8001 SEEN-BY-8002 RULE...: that many packets for $PINGS pings.
expect_seen() {
    local replies=$1 seen="$2 and $3" wait=10
    shift 3
    ((replies > 0)) || wait=1
    two_start "$@"
    expect_equal "replies with: $*" "$replies" \
        "$(ping_replies "$CLIENT" "$SERVER_ADDRESS" "$PINGS" -W "$wait")"
    run_stop
    expect_equal "packets seen with: $*" "$seen" "$(both_printed)"
}

# expect_selects COUNT OPTIONS: a rule with the options diverts that many; the other one diverts all.
expect_selects() {
    expect_seen 5 "$1" 20 "100 divert 8001 icmp from any to any $2" '200 divert 8002 icmp from any to any'
}

test_both_see_each_packet_once() {
    expect_seen 5 20 20 '100 divert 8001 icmp from any to any' '200 divert 8002 icmp from any to any'
    expect_seen 5 20 20 '200 divert 8001 icmp from any to any' '100 divert 8002 icmp from any to any'
    expect_seen 5 5 5 'divert 8001 icmp from any to any in recv lan0' \
        'divert 8002 icmp from any to any in recv lan0'
}

test_allow_and_deny() {
    local first='100 divert 8001 icmp from any to any' second='200 divert 8002 icmp from any to any'
    expect_seen 5 0 0 '50 allow icmp from any to any' "$first" "$second"
    expect_seen 5 20 0 "$first" '150 allow icmp from any to any' "$second"
    expect_seen 5 20 20 "$first" "$second" '250 allow icmp from any to any'
    expect_seen 0 0 0 '50 deny icmp from any to any in recv lan0' "$first" "$second"
    expect_seen 0 5 0 "$first" '150 deny icmp from any to any' "$second"
    expect_seen 0 5 5 "$first" "$second" '250 deny icmp from any to any'
    expect_seen 5 20 20 '50 deny udp from any to any' "$first" "$second"
}

test_skipto_and_count() {
    expect_seen 5 0 20 '100 skipto 250 icmp from any to any' \
        '200 divert 8001 icmp from any to any' '300 divert 8002 icmp from any to any'
    expect_seen 5 20 20 '50 count ip from any to any' '100 divert 8001 icmp from any to any' \
        '150 count ip from any to any' '200 divert 8002 icmp from any to any'
}

test_options_select() {
    expect_selects 10 in
    expect_selects 10 out
    expect_selects 10 'not in'
    expect_selects 10 'via lan0'
    expect_selects 10 'via wan*'
    expect_selects 5 'in via wan0'
    expect_selects 5 'out via wan0'
    expect_selects 10 'recv lan0'
    expect_selects 5 'in recv lan0'
    expect_selects 5 'out recv lan0'
    expect_selects 10 'recv wan0'
    expect_selects 5 'xmit lan0'
    expect_selects 5 'xmit wan0'
    expect_selects 5 'out recv wan0 xmit lan0'
    expect_selects 0 'out recv lan0 xmit lan0'
    expect_selects 10 'icmptypes 8'
    expect_selects 0 'diverted'
}

test_addresses_select() {
    local all='200 divert 8002 icmp from any to any'
    expect_seen 5 10 20 "100 divert 8001 icmp from $CLIENT_ADDRESS to any" "$all"
    expect_seen 5 10 20 "100 divert 8001 icmp from any to 10.1.0.0/24" "$all"
    expect_seen 5 0 20 '100 divert 8001 icmp from any to me' "$all"
    expect_seen 5 10 20 "100 divert 8001 icmp from not $CLIENT_ADDRESS to any" "$all"
}

all_tests() {
    run_tests test_both_see_each_packet_once test_allow_and_deny test_skipto_and_count \
        test_options_select test_addresses_select
    expect_no_rules "$ROUTER"
}

each_backend all_tests
finish
