#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The steps of docs/from-freebsd.md, as printed, between namespaces. natd is replaced by examples/nat,
# started with the interface that natd.conf names.
# shellcheck source-path=SCRIPTDIR source=../lib/built.sh
. "$(dirname "$0")/../lib/built.sh"
# shellcheck source-path=SCRIPTDIR source=../lib/document.sh
. "$(dirname "$0")/../lib/document.sh"

need_divert_run
need_commands socat
need_files "$EXAMPLES/nat"
TEST_BACKENDS=nft each_backend true # dynamic rules need it
hosts_make
DOCUMENT=$SOURCE/docs/from-freebsd.md

# The router's names on Linux.
rename_lan() {
    ip -n "$ROUTER" link set lan0 down
    ip -n "$ROUTER" link set lan0 name eth1
    ip -n "$ROUTER" link set eth1 up
}

files_of_freebsd() {
    mkdir -p "$SCRATCH/etc"
    block 'interface em0' >"$SCRATCH/etc/natd.conf"
    block '#!/bin/sh' >"$SCRATCH/etc/ipfw.rules"
    block '00010 allow' >"$SCRATCH/etc/ipfw.list"
}

# paste TEXT: runs the block in the router, to its end. Files of /etc are in $SCRATCH/etc.
paste() {
    local command
    command=$(block "$1") || finish
    in_place "$ROUTER" bash -c "${command//\/etc\//$SCRATCH/etc/}" 2>&1
}

step_start() {
    local command
    command=$(block "$1") || finish
    paste_start 8668 "$command"
}

step_stop() {
    run_stop
    expect_no_rules "$ROUTER"
}

# opens NAMESPACE ADDRESS PORT: can it connect? Waits a second if packets are dropped.
opens() {
    in_ns "$1" timeout 3 socat -u OPEN:/dev/null "TCP4:$2:$3,connect-timeout=1" 2>/dev/null
}

servers_start() {
    local port
    for port in 25 80; do
        ns_start "$SERVER" "$SCRATCH/log-$port" socat -u "TCP4-LISTEN:$port,fork,reuseaddr" /dev/null
        wait_tcp "$SERVER" "$port"
    done
    for port in 22 5004; do
        ns_start "$ROUTER" "$SCRATCH/log-$port" socat "TCP4-LISTEN:$port,fork,reuseaddr" 'EXEC:/bin/sleep 60'
        wait_tcp "$ROUTER" "$port"
    done
}

# ---- steps 2 to 4 ----

test_steps_before_packets() {
    in_ns "$ROUTER" sysctl -q net.ipv4.ip_forward=0
    expect_contains 'step 2' 'ip_forward = 1' "$(paste 'sysctl -w')"
    paste 'sed -i'
    expect_equal 'step 3: natd.conf' 'interface eth0' "$(head -n 1 "$SCRATCH/etc/natd.conf")"
    expect_equal 'step 3: ipfw.rules' 'outside="eth0" inside="eth1" ' \
        "$(sed -n '2,3p' "$SCRATCH/etc/ipfw.rules" | tr '\n' ' ')"
    expect_contains 'step 4: what nft would get' 'table inet divert_' "$(paste '--check')"
    expect_no_rules "$ROUTER"
}

# ---- step 5 ----

test_step_nat_alone() {
    local status
    expect_equal 'without the NAT, pings answered' 0 "$(ping_replies "$CLIENT" "$SERVER_ADDRESS" 2)"
    step_start "-r 'divert natd"
    expect_equal 'step 5: pings answered' 5 "$(ping_replies "$CLIENT" "$SERVER_ADDRESS" 5 -W 10)"
    status=$(paste 'divert-run --status')
    expect_contains 'step 5: the port in --status' 8668 "$status"
    expect_contains 'step 5: how many packets were read' 'read 10 ' "$(grep -m 1 -oE '\bread +[0-9]+ ' <<<"$status" | tr -s ' ')"
    step_stop
}

# ---- steps 6 and 7 ----

# holds the nth SSH connection from the server open
hold_ssh() {
    ns_start "$SERVER" "$SCRATCH/log-held-$1" socat -u "TCP4:$WAN_ADDRESS:22" /dev/null
    wait_until "connection $1" ssh_is_open "$1"
}

ssh_is_open() {
    (($(in_ns "$ROUTER" ss -Htn state established 'sport = 22' | wc -l) == $1))
}

test_step_whole_set() {
    step_start "--ipfw-script /etc/ipfw.rules -- natd"
    expect_success 'step 6: a web page from inside' opens "$CLIENT" "$SERVER_ADDRESS" 80
    expect_failure 'step 6: port 25 from inside' opens "$CLIENT" "$SERVER_ADDRESS" 25
    expect_equal 'step 6: pings from inside' 5 "$(ping_replies "$CLIENT" "$SERVER_ADDRESS" 5 -W 10)"
    expect_equal 'step 6: pings from outside' 0 "$(ping_replies "$SERVER" "$WAN_ADDRESS" 2)"
    expect_failure 'step 6: a port from outside' opens "$SERVER" "$WAN_ADDRESS" 5004
    hold_ssh 1
    hold_ssh 2
    expect_failure 'step 6: a third SSH from one address' opens "$SERVER" "$WAN_ADDRESS" 22
    step_stop
}

test_step_list_of_rules() {
    step_start '-f /etc/ipfw.list'
    expect_success 'step 7: a web page from inside' opens "$CLIENT" "$SERVER_ADDRESS" 80
    expect_failure 'step 7: port 25 from inside' opens "$CLIENT" "$SERVER_ADDRESS" 25
    step_stop
}

stand_in_programs
stand_in natd "exec $EXAMPLES/nat -p 8668 -n \"\$(sed -n 's/^interface //p' \"\$2\")\""
rename_wan
rename_lan
ip -n "$CLIENT" route replace default via "$LAN_ADDRESS"
files_of_freebsd
servers_start
run_tests test_steps_before_packets test_step_nat_alone test_step_whole_set test_step_list_of_rules
[[ -n ${TEST_ONLY:-} ]] || expect_all_used 'gateway_enable|inner network'
finish
