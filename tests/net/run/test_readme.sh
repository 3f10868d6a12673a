#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The commands of README.md do what it says.
# shellcheck source-path=SCRIPTDIR source=../lib/built.sh
. "$(dirname "$0")/../lib/built.sh"
# shellcheck source-path=SCRIPTDIR source=../lib/document.sh
. "$(dirname "$0")/../lib/document.sh"

need_divert_run
need_commands socat python3
need_files "$EXAMPLES/nat"
HOST=$NET_PREFIX-$$-host
ns_add "$HOST"
hosts_make
DOCUMENT=$SOURCE/README.md

# ---- the trials ----

# paste_trial TEXT: runs the block; prints the output of its printer.
paste_trial() {
    local log
    log=$(mktemp "$SCRATCH/log-XXXXXX")
    in_place "$HOST" bash -c "$(block "$1")" >"$log" 2>&1
    grep -E '^(in |out) ' "$log"
}

need_user_namespaces() {
    unshare -Urn true 2>/dev/null && return
    printf -- '-- no user namespaces here\n'
    block '-- build/examples/printer &' >/dev/null
    block 'LD_PRELOAD=build/libdivertshim.so' >/dev/null
    block 'icmp length 84' >/dev/null
    return 1
}

test_trials_without_root() {
    local printed
    need_user_namespaces || return 0
    printed=$(block 'icmp length 84')
    expect_equal 'the trial prints what the README says' "$printed" "$(paste_trial '-- build/examples/printer &')"
    expect_equal 'with LD_PRELOAD alone, the two outgoing packets' "$(grep ^out <<<"$printed")" \
        "$(paste_trial 'LD_PRELOAD=build/libdivertshim.so')"
}

# ---- the recipes ----

# recipe_start PORT TEXT: runs the block in the router until recipe_stop.
recipe_start() {
    local command
    command=$(block "$2") || finish
    paste_start "$1" "$command"
}

recipe_stop() {
    run_stop
    expect_no_rules "$ROUTER"
}

test_recipe_of_natd() {
    expect_equal 'without the NAT, pings answered' 0 "$(ping_replies "$CLIENT" "$SERVER_ADDRESS" 2)"
    recipe_start 8668 "divert 8668 ip4"
    expect_equal 'natd: pings answered' 5 "$(ping_replies "$CLIENT" "$SERVER_ADDRESS" 5 -W 10)"
    recipe_stop
}

test_recipe_of_a_script() {
    mkdir "$SCRATCH/etc"
    printf '%s\n' "cmd='ipfw -q add'" "\$cmd 500 divert natd ip4 from any to any via eth0" \
        "\$cmd 65000 allow ip from any to any" >"$SCRATCH/etc/ipfw.rules"
    recipe_start 8668 '--ipfw-script'
    expect_equal 'a script: pings answered' 5 "$(ping_replies "$CLIENT" "$SERVER_ADDRESS" 5 -W 10)"
    recipe_stop
}

test_recipe_of_suricata() {
    recipe_start 8000 suricata
    expect_equal 'suricata: pings answered' 2 "$(ping_replies "$CLIENT" "$SERVER_ADDRESS" 2 -W 10)"
    expect_equal 'packets on eth0' 4 "$(printed "$RUN_LOG")"
    recipe_stop
}

tcp_connects() {
    in_ns "$CLIENT" timeout 5 socat -u OPEN:/dev/null "TCP4:$SERVER_ADDRESS:$1,connect-timeout=2" 2>/dev/null
}

printed_are() {
    (($(printed "$RUN_LOG") == $1))
}

test_recipe_of_dvtws() {
    ns_start "$SERVER" "$SCRATCH/log-web" socat -u TCP4-LISTEN:80,fork,reuseaddr /dev/null
    wait_tcp "$SERVER" 80
    recipe_start 989 dvtws
    expect_success 'dvtws: a connection' tcp_connects 80
    expect_success 'SYN, ACK, FIN and ACK go out' wait_until '4 packets' printed_are 4
    expect_equal 'others' 0 "$(grep -cv '^out .* -> 192.0.2.2:80 tcp' "$RUN_LOG")"
    recipe_stop
}

# The largest segment that the server may send to the client, as the server knows it.
segment_size() {
    in_ns "$CLIENT" socat -T 5 -u "TCP4:$SERVER_ADDRESS:5004" STDOUT 2>&1
}

telling_server_start() {
    in_ns "$SERVER" sysctl -q net.ipv4.tcp_timestamps=0
    ns_start "$SERVER" "$SCRATCH/log-mss" python3 -c "
import socket
server = socket.create_server(('', 5004))
while True:
    s, address = server.accept()
    s.sendall(str(s.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)).encode())
    s.close()"
    wait_tcp "$SERVER" 5004
}

test_recipe_of_tcpmssd() {
    if [[ ! -x $EXAMPLES/mssd ]]; then
        printf -- '-- no example mssd: install libbsd-dev\n'
        block tcpmssd >/dev/null
        return
    fi
    telling_server_start
    ip -n "$ROUTER" link set eth0 mtu 1400
    recipe_start 1234 tcpmssd
    expect_equal 'tcpmssd: the segment size for an MTU of 1400' 1360 "$(segment_size)"
    recipe_stop
    ip -n "$ROUTER" link set eth0 mtu 1500
}

answers_printed() {
    (($(grep -c '^in .* 192.0.2.2:80 -> ' "$RUN_LOG") >= 2))
}

test_recipe_of_pf() {
    recipe_start 700 "--pf 'pass out"
    expect_success 'pf: a connection' tcp_connects 80
    expect_success 'the answers are printed' wait_until 'SYN and FIN of the server' answers_printed
    recipe_stop
}

# query WORD: prints the answer to a datagram with that word.
query() {
    in_ns "$CLIENT" socat -t "$2" STDIO "UDP4:$SERVER_ADDRESS:53" <<<"$1" 2>&1
}

test_recipe_of_a_filter() {
    block 'import socket' >"$SCRATCH/filter.py"
    ns_start "$SERVER" "$SCRATCH/log-dns" socat UDP4-LISTEN:53,fork,reuseaddr PIPE
    wait_udp "$SERVER" 53
    recipe_start 8000 filter.py
    expect_equal 'a query that passes' $'\x04news' "$(query $'\x04news' 10)"
    expect_equal 'a query that is dropped' '' "$(query $'\x03ads' 1)"
    expect_equal 'and one that passes behind it' $'\x04mail' "$(query $'\x04mail' 10)"
    recipe_stop
}

stand_in_programs
rename_wan
run_tests test_trials_without_root test_recipe_of_natd test_recipe_of_a_script
server_route_add
run_tests test_recipe_of_suricata test_recipe_of_dvtws test_recipe_of_pf test_recipe_of_tcpmssd test_recipe_of_a_filter
[[ -n ${TEST_ONLY:-} ]] || expect_all_used '^(apt-get install|cmake )'
finish
