#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Rules of OpenBSD's pf, on real packets:
#
#     client 10.1.0.2 --- em1 10.1.0.1 router 192.0.2.1 em0 --- 192.0.2.2 server
#
# shellcheck source-path=SCRIPTDIR source=../lib/built.sh
. "$(dirname "$0")/../lib/built.sh"
# shellcheck source-path=SCRIPTDIR source=../lib/pf.sh
. "$(dirname "$0")/../lib/pf.sh"

need_divert_run
need_commands socat stdbuf cmp awk
EXAMPLE=$BUILD/tests/openbsd_example
need_files "$EXAMPLE"
DATA=$SCRATCH/data
head -c 300000 /dev/urandom >"$DATA"

# ---- the manual's example ----

# transfer NS PORT SOURCE-PORT: sends $DATA to an echo server and compares what comes back.
transfer() {
    in_ns "$1" timeout 60 socat -t 30 STDIO "TCP4:$SERVER_ADDRESS:$2,sourceport=$3" <"$DATA" >"$SCRATCH/echo"
    cmp "$DATA" "$SCRATCH/echo"
}

test_example() {
    pf_start 700 stdbuf -oL "$EXAMPLE" -- \
        'pass out on em0 inet proto tcp to port 80 divert-packet port 700'
    expect_success 'data of the host itself is echoed whole' transfer "$ROUTER" 80 4001
    expect_success 'forwarded data is echoed whole' transfer "$CLIENT" 80 4002
    expect_success 'another port' transfer "$ROUTER" 81 4003
    # From the server's port 80, but no answer to anything.
    in_ns "$SERVER" timeout 10 socat -u STDIN "TCP4:$WAN_ADDRESS:5000,bind=:80,reuseaddr,reuseport" <<<unasked
    wait_until 'what the server sent' file_contains "$SCRATCH/unasked" unasked
    expect_at_least 'outgoing packets, half of them for acknowledgements' 200 "$(lines '192.0.2.1:4001 -> 192.0.2.2:80$')"
    expect_at_least 'the return traffic' 200 "$(lines '192.0.2.2:80 -> 192.0.2.1:4001$')"
    expect_at_least 'forwarded packets' 200 "$(lines '10.1.0.2:4002 -> 192.0.2.2:80$')"
    expect_at_least 'and their return traffic' 200 "$(lines '192.0.2.2:80 -> 10.1.0.2:4002$')"
    expect_equal 'packets of another port' 0 "$(lines '.*:4003')"
    expect_equal 'packets from port 80 that answer nothing' 0 "$(lines '.*:5000')"
    pf_stop
}

# ---- directions, interfaces, states ----

test_in() {
    print_start 'pass in on em1 inet proto icmp divert-packet port 8000'
    expect_pings 'in on em1: pings to the server' 3 "$CLIENT" "$SERVER_ADDRESS"
    expect_seen 'requests, and answers as they leave' 6
    expect_equal 'incoming' 3 "$(lines 'in ')"
    expect_pings 'pings that no rule let out' 3 "$SERVER" "$CLIENT_ADDRESS"
    expect_seen 'answers that come in as packets of their own' 9
    expect_equal 'incoming' 6 "$(lines 'in ')"
    pf_stop
}

test_both_directions() {
    print_start 'pass inet proto icmp divert-packet port 8000'
    expect_pings 'neither in nor out: pings to the server' 3 "$CLIENT" "$SERVER_ADDRESS"
    expect_seen 'each packet, in by one interface and out by the other' 12
    pf_stop
    print_start 'pass on { em0 } inet proto icmp divert-packet port 8000'
    expect_pings 'on em0: pings to the server' 3 "$CLIENT" "$SERVER_ADDRESS"
    expect_seen 'out by em0, and in' 6
    pf_stop
    print_start 'pass on ! em0 inet proto icmp divert-packet port 8000'
    expect_pings 'not on em0: pings' 3 "$CLIENT" "$SERVER_ADDRESS"
    expect_seen 'in by em1, and out' 6
    pf_stop
}

test_no_state() {
    print_start 'pass in on em1 inet proto icmp divert-packet port 8000 no state'
    expect_pings 'no state: pings' 3 "$CLIENT" "$SERVER_ADDRESS"
    expect_seen 'the requests alone' 3
    expect_equal 'incoming' 3 "$(lines 'in ')"
    pf_stop
}

# ---- which rule decides ----

test_last_match() {
    print_start 'block in on em1 proto icmp' 'pass in on em1 inet proto icmp divert-packet port 8000'
    expect_pings 'a pass behind a block' 3 "$CLIENT" "$SERVER_ADDRESS"
    expect_seen 'is diverted' 6
    pf_stop
    print_start 'pass in on em1 inet proto icmp divert-packet port 8000' \
        'pass in on em1 inet proto icmp to 192.0.2.2'
    expect_pings 'the more general rule first: pings' 3 "$CLIENT" "$SERVER_ADDRESS"
    expect_seen 'are left alone by the last one' 0
    expect_pings 'others' 3 "$CLIENT" "$LAN_ADDRESS"
    expect_seen 'are not' 6
    pf_stop
}

test_quick() {
    print_start 'block drop in quick on em1 inet proto icmp from 10.1.0.2 to 192.0.2.2' \
        'pass in on em1 inet proto icmp divert-packet port 8000'
    expect_pings 'a quick block before a pass' 0 "$CLIENT" "$SERVER_ADDRESS"
    expect_seen 'and nothing is diverted' 0
    expect_pings 'what it does not match' 3 "$CLIENT" "$LAN_ADDRESS"
    expect_seen 'is' 6
    pf_stop
}

test_pf_blocks() {
    local before
    print_start 'block in on em0' 'pass out on em0 inet proto icmp divert-packet port 8000' \
        'pass out on em0 inet proto { tcp, udp }'
    expect_pings 'all blocked on em0: its pings to us' 0 "$SERVER" "$WAN_ADDRESS"
    expect_seen 'and nothing is diverted' 0
    expect_pings 'our pings, whose answers belong to a state' 3 "$ROUTER" "$SERVER_ADDRESS"
    expect_seen 'and are diverted' 6
    expect_success 'TCP that is not diverted' transfer "$ROUTER" 80 4004
    before=$(icmp_count "$ROUTER" InDestUnreachs)
    in_ns "$ROUTER" bash -c 'echo nobody >/dev/udp/192.0.2.2/9'
    expect_success 'an ICMP error about a state' \
        wait_until 'the error' unreachables_are "$ROUTER" $((before + 1))
    expect_failure 'a connection to us' in_ns "$SERVER" timeout 3 socat -u OPEN:/dev/null "TCP4:$WAN_ADDRESS:5000"
    pf_stop
}

# The answer to a packet that a rule without state passed is an ordinary incoming packet.
test_block_without_state() {
    print_start 'block in on em0' 'pass out on em0 inet proto icmp divert-packet port 8000' \
        'pass out on em0 inet proto icmp to 192.0.2.2 no state'
    expect_pings 'no state, and answers blocked' 0 "$ROUTER" "$SERVER_ADDRESS"
    expect_seen 'nothing is diverted' 0
    pf_stop
}

# ---- addresses, ports, types ----

test_addresses() {
    print_start 'pass in on em1 inet proto icmp to (em1) divert-packet port 8000'
    expect_pings 'to (em1): its address' 3 "$CLIENT" "$LAN_ADDRESS"
    expect_seen 'is matched' 6
    expect_pings "the router's other address" 3 "$CLIENT" "$WAN_ADDRESS"
    expect_seen 'is not' 6
    pf_stop
    print_start 'pass in on em1 inet proto icmp to self divert-packet port 8000'
    expect_pings "to self: the router's other address" 3 "$CLIENT" "$WAN_ADDRESS"
    expect_seen 'is matched' 6
    expect_pings 'the server' 3 "$CLIENT" "$SERVER_ADDRESS"
    expect_seen 'is not' 6
    pf_stop
    print_start 'pass in inet proto icmp from em1:network to { 192.0.2.2, !192.0.2/24 } divert-packet port 8000'
    expect_pings 'from em1:network to a list' 3 "$CLIENT" "$SERVER_ADDRESS"
    expect_pings 'by its second item' 3 "$CLIENT" "$LAN_ADDRESS"
    expect_seen 'both are matched' 12
    expect_pings 'by none' 3 "$CLIENT" "$WAN_ADDRESS"
    expect_pings 'from elsewhere' 3 "$SERVER" "$WAN_ADDRESS"
    expect_seen 'neither is matched' 12
    pf_stop
}

# seen_ports: the ports of the datagrams that the printer saw, in order.
seen_ports() {
    sed -n 's/^in .*:\([0-9]*\) udp.*/\1/p' "$RUN_LOG" | tr '\n' ' '
}

seen_ports_are() {
    [[ $(seen_ports) == "$1" ]]
}

# expect_ports PORT-EXPRESSION PORTS: which of the ports 9 to 16 it matches.
expect_ports() {
    local port
    print_start "pass in on em1 inet proto udp to port $1 divert-packet port 8000"
    for port in {9..16}; do
        in_ns "$CLIENT" bash -c "echo >/dev/udp/$SERVER_ADDRESS/$port"
    done
    expect_pings 'all of them have gone' 3 "$CLIENT" "$SERVER_ADDRESS"
    wait_until "ports $2" seen_ports_are "$2" 2>/dev/null
    expect_equal "port $1" "$2" "$(seen_ports)"
    pf_stop
}

test_ports() {
    expect_ports 12 '12 '
    expect_ports '{ 10, discard 14:15 }' '9 10 14 15 '
    expect_ports '!= 11' '9 10 12 13 14 15 16 '
    expect_ports '> 13' '14 15 16 '
    expect_ports '{ <= 10, >=16 }' '9 10 16 '
    expect_ports '10 >< 13' '11 12 '
    expect_ports '10<>15' '9 16 '
}

test_types() {
    print_start 'pass in on em1 inet proto icmp icmp-type echoreq divert-packet port 8000'
    expect_pings 'icmp-type echoreq' 3 "$CLIENT" "$SERVER_ADDRESS"
    expect_seen 'with its answers' 6
    pf_stop
    print_start 'pass in on em1 inet proto icmp icmp-type { unreach, 11 } divert-packet port 8000'
    expect_pings 'other types' 3 "$CLIENT" "$SERVER_ADDRESS"
    expect_seen 'without echoes' 0
    pf_stop
}

# ---- IPv6 ----

ping6_replies() {
    in_ns "$CLIENT" ping -n -q -c 3 -i 0.02 -W "${2:-10}" "$1" 2>/dev/null |
        awk '/packets transmitted/ { print $4 }'
}

# hold RULE...: no program has the port, so what is diverted is lost.
hold() {
    local rules=()
    while (($# > 0)); do
        rules+=(--pf "$1")
        shift
    done
    RUN_LOG=$(mktemp "$SCRATCH/log-XXXXXX")
    ns_start "$ROUTER" "$RUN_LOG" "$DIVERT_RUN" -q "${BACKEND_OPTION[@]}" "${rules[@]}" -- \
        sh -c 'echo ready; exec sleep 600'
    RUN_PID=$STARTED
    wait_until 'the rules' file_contains "$RUN_LOG" ready
}

test_inet6() {
    hold 'pass in on em1 inet6 proto icmp6 icmp6-type echoreq divert-packet port 8001'
    expect_equal 'inet6, diverted to a port without a listener' 0 "$(ping6_replies fd00:1::1 1)"
    expect_pings 'IPv4 beside it' 3 "$CLIENT" "$LAN_ADDRESS"
    pf_stop
    hold 'block in on em1 inet6 proto icmp6 icmp6-type echoreq' \
        'pass in on em1 from fd00:1::/64 to fd00:1::1'
    expect_equal 'inet6, blocked and then let in' 3 "$(ping6_replies fd00:1::1)"
    pf_stop
    hold 'block in quick on em1 inet6 proto icmp6 from ! fd00:1::3 icmp6-type echoreq' 'pass'
    expect_equal 'inet6, blocked by a quick rule' 0 "$(ping6_replies fd00:1::1 1)"
    expect_pings 'IPv4 beside it' 3 "$CLIENT" "$LAN_ADDRESS"
    pf_stop
    hold 'pass in on em1 inet proto icmp divert-packet port 8001'
    expect_equal 'a rule for inet, and IPv6' 3 "$(ping6_replies fd00:1::1)"
    expect_pings 'IPv4 is diverted' 0 "$CLIENT" "$LAN_ADDRESS"
    pf_stop
}

# ---- with other rules ----

test_beside_ipfw() {
    local first first_log
    run_start "$ROUTER" 8001 "${BACKEND_OPTION[@]}" -r 'divert 8001 icmp from any to any in via em1' \
        "$EXAMPLES/printer" -p 8001
    first=$RUN_PID first_log=$RUN_LOG
    print_start 'pass in on em1 inet proto icmp divert-packet port 8000'
    expect_pings 'beside a run with rules of ipfw' 3 "$CLIENT" "$SERVER_ADDRESS"
    expect_seen 'each packet once' 6
    expect_equal 'the other sees its packets' 3 "$(printed "$first_log")"
    stop "$first"
    expect_pings 'after the end of the other' 3 "$CLIENT" "$SERVER_ADDRESS"
    expect_seen 'as before' 12
    pf_stop
}

test_killed() {
    print_start 'pass in on em1 inet proto icmp divert-packet port 8000'
    run_stop KILL
    ns_signal "$ROUTER" TERM
    wait_queue_free "$ROUTER" 8000
    in_ns "$ROUTER" "$DIVERT_RUN" --cleanup >"$SCRATCH/log-cleanup" 2>&1
    expect_no_rules "$ROUTER"
}

test_file() {
    printf '%s\n' '# a comment' '' 'pass in on em1 inet proto icmp   # all of it' \
        'pass in on em1 inet proto icmp to 192.0.2.2 divert-packet port 8000' >"$SCRATCH/pf.conf"
    run_start "$ROUTER" 8000 "${BACKEND_OPTION[@]}" --pf-file "$SCRATCH/pf.conf" "$EXAMPLES/printer" -p 8000
    expect_pings 'rules from a file' 3 "$CLIENT" "$SERVER_ADDRESS"
    expect_pings 'and what they leave alone' 3 "$CLIENT" "$LAN_ADDRESS"
    expect_seen 'divert' 6
    pf_stop
}

# ---- what is refused ----

test_pf_refuses() {
    local rule='pass out on em0 divert-packet port 700'
    expect_refused 'a wrong word' "rule 2: 'prot': expected an option (divert-packet, flags, \
icmp-type, icmp6-type, keep state, no state, ...)
  pass out prot tcp
           ^~~~" --pf "$rule" --pf 'pass out prot tcp'
    expect_refused 'rules of both kinds' 'ipfw rules (-r, -f) and pf rules (--pf, --pf-file) cannot be mixed' \
        --pf "$rule" -r 'divert 700 ip from any to any'
    expect_refused 'a program of FreeBSD' "rule 1: 'divert-packet': is OpenBSD's; with --personality freebsd rules divert by 'divert-to port N'" \
        --personality freebsd --pf "$rule"
    expect_refused 'an empty rule' 'rule 1: the rule is empty' --pf ''
    expect_refused 'two lines' 'rule 1: a rule is one line; --pf-file FILE reads many' --pf $'pass\nblock'
    printf '%s\n' "$rule" 'block return' '' 'pass out prot tcp' >"$SCRATCH/pf.conf"
    expect_refused 'a line of a file' "$SCRATCH/pf.conf:4: 'prot': expected an option (divert-packet, flags, \
icmp-type, icmp6-type, keep state, no state, ...)
  pass out prot tcp
           ^~~~
divert-run: $SCRATCH/pf.conf: 1 of 3 statements were rejected; none is used" --pf-file "$SCRATCH/pf.conf"
    expect_refused 'no such file' "$SCRATCH/nowhere: No such file or directory" --pf-file "$SCRATCH/nowhere"
}

start_servers() {
    ns_start "$SERVER" "$SCRATCH/server" socat TCP4-LISTEN:80,fork,reuseaddr,reuseport EXEC:cat
    ns_start "$SERVER" "$SCRATCH/server" socat TCP4-LISTEN:81,fork,reuseaddr EXEC:cat
    ns_start "$ROUTER" "$SCRATCH/unasked" socat -u TCP4-LISTEN:5000,fork,reuseaddr STDOUT
    wait_tcp "$SERVER" 80
    wait_tcp "$SERVER" 81
    wait_tcp "$ROUTER" 5000
}

# Each packet filter has hosts of its own: ports and connections stay busy for a while.
all_tests() {
    make_hosts
    start_servers
    run_tests test_example test_in test_both_directions test_no_state test_last_match test_quick \
        test_pf_blocks test_block_without_state test_addresses test_ports test_types test_inet6 \
        test_beside_ipfw test_file test_pf_refuses test_killed
    ns_remove "$CLIENT"
    ns_remove "$ROUTER"
    ns_remove "$SERVER"
}

each_backend all_tests
finish
