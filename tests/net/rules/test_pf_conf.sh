#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Files of pf.conf, and their statements besides plain rules, on real packets:
#
#     client 10.1.0.2 --- em1 10.1.0.1 router 192.0.2.1 em0 --- 192.0.2.2 server
#
# shellcheck source-path=SCRIPTDIR source=../lib/built.sh
. "$(dirname "$0")/../lib/built.sh"
# shellcheck source-path=SCRIPTDIR source=../lib/pf.sh
. "$(dirname "$0")/../lib/pf.sh"

need_divert_run
need_commands socat setpriv
CONF=$SCRATCH/pf.conf

# conf_start: runs the printer with $CONF, until pf_stop.
conf_start() {
    cat >"$CONF"
    run_start "$ROUTER" 8000 "${BACKEND_OPTION[@]}" "$@" --pf-file "$CONF" -- "$EXAMPLES/printer" -p 8000
}

# ---- files ----

# A router's file, with the ways to spread a statement over lines.
test_conf_of_a_router() {
    printf '%s\n' '# known' '10.1.0.0/24   # the clients' '!10.1.0.77' >"$SCRATCH/clients"
    cat >"$SCRATCH/included" <<'END'
pass in on $int_if inet proto icmp from <clients> \
  to $hosts divert-packet port 8000
END
    conf_start <<END
# macros \\
this = "is still a comment"
ext_if = "em0"
int_if = em1
server = "192.0.2.2"
hosts = "{" \$server "," 198.51.100.1 - 198.51.100.7 "}"
services = "{ 9,
    10:12 }"

table <clients> persist file "$SCRATCH/clients" { 10.9.0.0/16, !10.9.9.0/24 }
set skip on lo
set block-policy return
set limit { states 100000, frags 2000 }
set optimization normal
antispoof quick for { lo \$int_if }
match in all scrub (no-df random-id)

block log all
pass out   # all that goes out
pass in on \$ext_if inet proto icmp
pass in on \$int_if inet proto udp \\
    from <clients> to { \$server
        \$ext_if } port \$services divert-packet port 8000
include "$SCRATCH/included"
END
    expect_pings 'to a host of the list' 3 "$CLIENT" "$SERVER_ADDRESS"
    expect_seen 'by the rule of the included file' 6
    expect_pings 'to one that no rule passes' 0 "$CLIENT" "$LAN_ADDRESS"
    expect_seen 'blocked' 6
    for port in 8 9 12 13; do
        in_ns "$CLIENT" bash -c "echo >/dev/udp/$SERVER_ADDRESS/$port"
    done
    expect_seen 'two datagrams of the ports' 8
    expect_equal 'loopback' 3 "$(in_ns "$ROUTER" ping -n -q -c 3 -i 0.02 -W 1 127.0.0.1 | awk '/packets tr/ { print $4 }')"
    pf_stop
}

test_bad_conf() {
    cat >"$CONF" <<'END'
if = "em0
pass in on {
  em0, em1
pass out on em0 divert-packet port 8000
pass on $nowhere
match out on em0 inet nat-to (em0)
pass in on em1 proto tcp to port 80 rdr-to 192.0.2.2 port 8080
nat on em0 from 10.1.0.0/24 to any -> (em0)
load anchor "a" from "/b"
END
    in_ns "$ROUTER" "$DIVERT_RUN" -q --check --pf-file "$CONF" 2>"$SCRATCH/said"
    expect_equal 'a bad file: exit status' 2 $?
    expect_contains 'a quotation mark' "$CONF:1: the quotation mark is not closed" "$(cat "$SCRATCH/said")"
    expect_contains 'a brace' "$CONF:2: the '{' is not closed" "$(cat "$SCRATCH/said")"
    expect_contains 'a macro' "$CONF:5: '\$nowhere': this macro is not defined" "$(cat "$SCRATCH/said")"
    expect_contains 'nat-to' "oifname \"em0\" masquerade }" "$(grep "$CONF:6:" "$SCRATCH/said")"
    expect_contains 'rdr-to' "iifname \"em1\" tcp dport 80 dnat ip to 192.0.2.2:8080 }" "$(grep "$CONF:7:" "$SCRATCH/said")"
    expect_contains 'nat' 'masquerade }' "$(grep "$CONF:8:" "$SCRATCH/said")"
    expect_contains 'load anchor' "'include' the file" "$(grep "$CONF:9:" "$SCRATCH/said")"
    expect_contains 'all of them' "$CONF: 8 of 9 statements were rejected; none is used" "$(cat "$SCRATCH/said")"
}

# ---- tables ----

test_pf_tables() {
    conf_start <<'END'
table <some> { 10.0.0.0/8, !10.1.0.0/24, 10.1.0.2 }
table <all> const { 0.0.0.0/0, !192.0.2.0/24 }
table <none> persist
pass in on em1 inet proto icmp from <some> to !<all> divert-packet port 8000
pass in on em1 inet proto icmp from <none> divert-packet port 8001
pass in on em1 inet proto icmp from !<none> to 10.1.0.1
END
    expect_pings 'from an exception of an exception' 3 "$CLIENT" "$SERVER_ADDRESS"
    expect_seen 'in the table' 6
    expect_pings 'to what a table has' 3 "$CLIENT" "$LAN_ADDRESS"
    expect_seen 'not by its negation' 6
    ip -n "$CLIENT" address add 10.1.0.9/24 dev eth0
    expect_equal 'from an exception' 1 "$(ping_replies "$CLIENT" "$SERVER_ADDRESS" 1 -W 5 -I 10.1.0.9)"
    expect_seen 'not in the table' 6
    ip -n "$CLIENT" address del 10.1.0.9/24 dev eth0
    pf_stop
    { for i in {0..4999}; do printf '172.16.%d.%d\n' $((i / 250)) $((i % 250)); done; } >"$SCRATCH/many"
    printf '10.1.0.2\n' >>"$SCRATCH/many"
    conf_start <<END
table <many> file "$SCRATCH/many"
pass in on em1 inet proto icmp from <many> divert-packet port 8000
END
    expect_pings 'from one of 5,000' 3 "$CLIENT" "$SERVER_ADDRESS"
    expect_seen 'in the table' 6
    pf_stop
}

# ---- interfaces and hosts ----

test_pf_groups() {
    conf_start <<'END'
pass in on em inet proto icmp to em0 divert-packet port 8000
END
    expect_pings 'the group of a driver' 3 "$CLIENT" "$WAN_ADDRESS"
    expect_seen 'has em1' 6
    pf_stop
    ip -n "$ROUTER" route add default via "$SERVER_ADDRESS"
    conf_start <<'END'
block in on ! egress inet proto icmp to (egress)
pass in on egress inet proto icmp to (egress) divert-packet port 8000
END
    expect_pings 'egress, by the default route' 3 "$SERVER" "$WAN_ADDRESS"
    expect_seen 'is em0' 6
    expect_pings 'by another interface' 0 "$CLIENT" "$WAN_ADDRESS"
    ip -n "$ROUTER" route del default
    pf_stop
    conf_start <<'END'
pass in on em1 inet proto icmp from { 10.1.0.1 - 10.1.0.6, (em0) } to em0:broadcast
pass in on em1 inet proto icmp from 10.1.0.1 - 10.1.0.6 to { em0:0 } divert-packet port 8000
END
    expect_pings 'a range of addresses, to the first of em0' 3 "$CLIENT" "$WAN_ADDRESS"
    expect_seen 'matches' 6
    pf_stop
}

test_pf_received_on() {
    conf_start <<'END'
pass out on em0 inet proto icmp received-on em1 divert-packet port 8000
block out on em0 inet proto icmp ! received-on em1
END
    expect_pings 'what came in by em1' 3 "$CLIENT" "$SERVER_ADDRESS"
    expect_seen 'and its answers' 6
    expect_pings 'of the host itself' 0 "$ROUTER" "$SERVER_ADDRESS"
    pf_stop
}

test_pf_routes() {
    conf_start -v <<'END'
block in log quick on em1 inet proto icmp from { no-route }
block in log quick on em1 inet proto icmp from { 198.51.100.9, urpf-failed }
pass in on em1 inet proto icmp divert-packet port 8000
END
    ip -n "$CLIENT" address add 172.16.9.9/32 dev lo
    ip -n "$CLIENT" address add 192.0.2.77/32 dev lo
    expect_equal 'from nowhere' 0 "$(ping_replies "$CLIENT" "$LAN_ADDRESS" 1 -W 1 -I 172.16.9.9)"
    expect_contains 'blocked by the first rule' 'pf: rule 0/(match) block in on em1: ICMP:8.0 172.16.9.9' "$(cat "$RUN_LOG")"
    expect_equal 'from the other side' 0 "$(ping_replies "$CLIENT" "$LAN_ADDRESS" 1 -W 1 -I 192.0.2.77)"
    expect_contains 'blocked by the second' 'pf: rule 1/(match) block in on em1: ICMP:8.0 192.0.2.77' "$(cat "$RUN_LOG")"
    expect_pings 'from where the route leads' 3 "$CLIENT" "$LAN_ADDRESS"
    expect_seen 'diverted' 6
    ip -n "$CLIENT" address del 172.16.9.9/32 dev lo
    ip -n "$CLIENT" address del 192.0.2.77/32 dev lo
    pf_stop
}

test_pf_antispoof() {
    conf_start <<'END'
antispoof for em0
pass out inet proto icmp divert-packet port 8000
END
    ip -n "$CLIENT" address add 192.0.2.77/32 dev lo
    expect_equal 'from em0:network, by em1' 0 "$(ping_replies "$CLIENT" "$LAN_ADDRESS" 1 -W 1 -I 192.0.2.77)"
    expect_pings 'from em0:network, by em0' 3 "$SERVER" "$WAN_ADDRESS"
    ip -n "$CLIENT" address del 192.0.2.77/32 dev lo
    pf_stop
}

# ---- what a rule does ----

# refused_at_once NS PROTO ADDRESS/PORT: an answer comes before the timeout.
refused_at_once() {
    in_ns "$1" timeout 3 bash -c "exec 3<>/dev/$2/$3; echo >&3; sleep 0.2; echo >&3" 2>/dev/null
    [[ $? != 124 ]]
}

test_pf_returns() {
    local before
    conf_start <<'END'
block return in on em1 inet proto { tcp udp }
block return-icmp (net-unr) in on em1 inet proto icmp to 192.0.2.2
pass in on em1 inet proto icmp to 10.1.0.1 divert-packet port 8000
END
    before=$(icmp_count "$CLIENT" InDestUnreachs)
    expect_success 'a reset to TCP' refused_at_once "$CLIENT" tcp "$SERVER_ADDRESS/80"
    in_ns "$CLIENT" bash -c "echo >/dev/udp/$SERVER_ADDRESS/9"
    expect_success 'unreachable to UDP' wait_until 'the error' unreachables_are "$CLIENT" $((before + 1))
    expect_contains 'the code of return-icmp' 'Net Unreachable' \
        "$(in_ns "$CLIENT" ping -n -c 1 -W 5 "$SERVER_ADDRESS")"
    pf_stop
    conf_start <<'END'
set block-policy return
block in on em1 inet proto udp
block drop in on em1 inet proto tcp
pass in on em1 inet proto icmp divert-packet port 8000
END
    before=$(icmp_count "$CLIENT" InDestUnreachs)
    in_ns "$CLIENT" bash -c "echo >/dev/udp/$SERVER_ADDRESS/9"
    expect_success 'by block-policy' wait_until 'the error' unreachables_are "$CLIENT" $((before + 1))
    expect_failure 'drop, in spite of it' in_ns "$CLIENT" timeout 2 bash -c "exec 3<>/dev/tcp/$SERVER_ADDRESS/80"
    pf_stop
}

# log_lines TEXT: how many lines contain it.
log_lines() {
    grep -c -F "pf: $1" "$RUN_LOG"
}

test_pf_log() {
    conf_start -v <<'END'
match in log on em1 inet proto icmp
pass in log on em1 inet proto icmp divert-packet port 8000
pass out log (all) on em0 inet proto icmp
END
    expect_pings 'three connections' 3 "$CLIENT" "$SERVER_ADDRESS"
    wait_until 'the lines' file_contains "$RUN_LOG" 'rule 2/(match) pass in on em0'
    expect_equal 'match: each first packet' 3 "$(log_lines 'rule 0/(match) match in on em1: ICMP:8.0 10.1.0.2 192.0.2.2')"
    expect_equal 'pass: each first packet' 3 "$(log_lines 'rule 1/(match) pass in on em1')"
    expect_equal 'log (all): answers, too' 3 "$(log_lines 'rule 2/(match) pass in on em0: ICMP:0.0 192.0.2.2 10.1.0.2')"
    pf_stop
}

# server_mss: the MSS that the server got from the client, for the connection to port 81.
server_mss() {
    in_ns "$SERVER" ss -tinH sport = :81 | sed -n 's/.* mss:\([0-9]*\).*/\1/p' | head -n 1
}

test_pf_max_mss() {
    conf_start <<'END'
match on em1 scrub (max-mss 1000)
pass in on em1 inet proto icmp divert-packet port 8000
pass in on em1 proto tcp
END
    ns_start "$CLIENT" "$SCRATCH/held" socat -u "TCP4:$SERVER_ADDRESS:81" STDOUT
    wait_until 'the connection' test -n "$(server_mss)$(sleep 0.5)$(server_mss)"
    expect_at_most 'segments to the client' 1000 "$(server_mss)"
    expect_at_most 'segments to the server' 1000 \
        "$(in_ns "$CLIENT" ss -tinH dport = :81 | sed -n 's/.* mss:\([0-9]*\).*/\1/p' | head -n 1)"
    stop "$STARTED"
    pf_stop
}

# udp_as USER PORT: sends a datagram to the server as that user of the router.
udp_as() {
    in_ns "$ROUTER" setpriv --reuid="$1" --regid=65534 --clear-groups bash -c "echo >/dev/udp/$SERVER_ADDRESS/$2"
}

test_pf_users() {
    conf_start <<'END'
pass out on em0 inet proto udp to port 9 user { > 4000, nosuchuser } divert-packet port 8000 no state
pass out on em0 inet proto udp to port 10 group != root user 4001 divert-packet port 8000 no state
END
    udp_as 4000 9
    udp_as 4001 9
    udp_as 4001 10
    udp_as 4002 10
    expect_pings 'all of them have gone' 3 "$ROUTER" "$SERVER_ADDRESS"
    expect_seen 'those of the users' 2
    pf_stop
}

# connects_with_ecn VALUE: can the client connect with that tcp_ecn? With 1, its SYN has ECE and CWR.
connects_with_ecn() {
    in_ns "$CLIENT" sh -c 'echo 0 >/proc/sys/net/ipv4/tcp_ecn_fallback'
    in_ns "$CLIENT" sh -c "echo $1 >/proc/sys/net/ipv4/tcp_ecn"
    in_ns "$CLIENT" timeout 2 bash -c "exec 3<>/dev/tcp/$SERVER_ADDRESS/80"
}

test_pf_options_alone() {
    conf_start <<'END'
pass in on em1 inet proto icmp tos lowdelay divert-packet port 8000 no state
pass in on em1 inet proto icmp to 192.0.2.1 no state
block in on em1 inet proto icmp to 192.0.2.1 probability 100%
block in on em1 inet proto icmp to 10.1.0.1 probability 0%
block in on em1 inet proto tcp flags SEW/SAEW
END
    expect_equal 'with the TOS' 1 "$(ping_replies "$CLIENT" "$SERVER_ADDRESS" 1 -W 5 -Q 0x10)"
    expect_seen 'diverted' 1
    expect_pings 'without it, and with a probability of 0' 3 "$CLIENT" "$LAN_ADDRESS"
    expect_seen 'not' 1
    expect_pings 'with a probability of 100' 0 "$CLIENT" "$WAN_ADDRESS"
    expect_failure 'SYN with ECE and CWR' connects_with_ecn 1
    expect_success 'SYN without' connects_with_ecn 0
    pf_stop
    conf_start <<'END'
pass out on em0 inet proto udp to port 9 divert-packet port 8000 no state
block in on em1 inet proto icmp fragment
END
    expect_equal 'in fragments' 0 "$(ping_replies "$CLIENT" "$LAN_ADDRESS" 1 -W 1 -s 3000)"
    expect_pings 'in one' 3 "$CLIENT" "$LAN_ADDRESS"
    pf_stop
}

test_pf_codes() {
    conf_start <<'END'
pass in on em1 inet proto icmp icmp-type { unreach code port-unr, echorep } divert-packet port 8000 no state
END
    in_ns "$SERVER" bash -c "echo >/dev/udp/10.1.0.2/9"
    expect_seen 'an error with the code' 1
    expect_pings 'another type' 3 "$CLIENT" "$LAN_ADDRESS"
    expect_pings 'a type without a code' 3 "$SERVER" 10.1.0.2
    expect_seen 'answers' 4
    pf_stop
}

test_pf_anchors() {
    conf_start <<'END'
anchor "lan" in on em1 inet proto icmp {
    block to 10.1.0.1
    anchor quick to 192.0.2.2 {
        block
        pass divert-packet port 8000
    }
}
anchor "ftp-proxy/*"
block in on em1 to 192.0.2.2
END
    expect_pings 'a quick anchor, before what follows' 3 "$CLIENT" "$SERVER_ADDRESS"
    expect_seen 'diverts' 6
    expect_pings 'an anchor that is not' 0 "$CLIENT" "$LAN_ADDRESS"
    expect_pings 'outside its conditions' 3 "$SERVER" "$WAN_ADDRESS"
    expect_seen 'neither' 6
    pf_stop
}

test_pf_tags() {
    conf_start --tag-mask 0x30 <<'END'
pass in on em1 inet proto icmp tag CLIENTS
pass in quick on em0 inet proto icmp tag SERVER
match in on em1 inet proto udp tag CLIENTS
block out on em0 inet proto icmp to 192.0.2.2
pass out on em0 inet proto { icmp, udp } tagged CLIENTS divert-packet port 8000
block out on em1 inet proto icmp ! tagged SERVER
END
    expect_pings 'by the rule that asks for the tag' 3 "$CLIENT" "$SERVER_ADDRESS"
    expect_seen 'and their answers' 6
    in_ns "$CLIENT" bash -c "echo >/dev/udp/$SERVER_ADDRESS/9"
    expect_seen 'by a match rule' 7
    expect_pings 'without a tag' 0 "$ROUTER" "$SERVER_ADDRESS"
    expect_pings 'of a quick rule' 3 "$SERVER" 10.1.0.2
    expect_pings 'the router, without it' 0 "$ROUTER" 10.1.0.2
    pf_stop
    expect_refused 'tags without bits' "rule 1: 'pass in tag A': each tag needs a bit of the packet mark, \
1 for these rules; name bits that nothing else uses, such as --tag-mask 0x0001" --pf 'pass in tag A'
}

# ---- FreeBSD ----

test_pf_divert_to() {
    local rule='pass in on em1 inet proto icmp divert-to 127.0.0.1 port 8000'
    run_start "$ROUTER" 8000 "${BACKEND_OPTION[@]}" --personality freebsd --pf "$rule" \
        --pf 'block in on em1 inet proto icmp to 10.1.0.1' -- "$EXAMPLES/printer" -p 8000
    expect_pings 'divert-to' 3 "$CLIENT" "$SERVER_ADDRESS"
    expect_seen 'each packet once' 6
    expect_pings 'what another rule blocks' 0 "$CLIENT" "$LAN_ADDRESS"
    expect_seen 'none' 6
    pf_stop
    expect_refused 'divert-to for OpenBSD' "rule 1: 'divert-to': diverts on FreeBSD, with --personality freebsd; OpenBSD \
diverts by 'divert-packet port N', its divert-to is for transparent proxies, which use TPROXY here" --pf "$rule"
}

start_conf_servers() {
    ns_start "$SERVER" "$SCRATCH/server" socat TCP4-LISTEN:80,fork,reuseaddr EXEC:cat
    ns_start "$SERVER" "$SCRATCH/server" socat TCP4-LISTEN:81,fork,reuseaddr EXEC:cat
    wait_tcp "$SERVER" 80
    wait_tcp "$SERVER" 81
}

all_tests() {
    make_hosts
    start_conf_servers
    run_tests test_conf_of_a_router test_bad_conf test_pf_tables test_pf_groups test_pf_received_on \
        test_pf_routes test_pf_antispoof test_pf_returns test_pf_log test_pf_max_mss test_pf_users \
        test_pf_options_alone test_pf_codes test_pf_anchors test_pf_tags test_pf_divert_to
    ns_remove "$CLIENT"
    ns_remove "$ROUTER"
    ns_remove "$SERVER"
}

each_backend all_tests
finish
