# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# What the tests of pf's rules share: their hosts, and runs with rules of pf. Source it after
# built.sh.
#
#     client 10.1.0.2 --- em1 10.1.0.1 router 192.0.2.1 em0 --- 192.0.2.2 server

# address6 NS IFACE ADDRESS
address6() {
    ip -n "$1" address add "$3/64" dev "$2" nodad
}

make_hosts() {
    ns_add "$CLIENT" "$ROUTER" "$SERVER"
    link_make "$CLIENT" eth0 "$CLIENT_ADDRESS/24" "$ROUTER" em1 "$LAN_ADDRESS/24"
    link_make "$ROUTER" em0 "$WAN_ADDRESS/24" "$SERVER" eth0 "$SERVER_ADDRESS/24"
    ip -n "$CLIENT" route add default via "$LAN_ADDRESS"
    in_ns "$ROUTER" sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
    server_route_add
    address6 "$CLIENT" eth0 fd00:1::2
    address6 "$ROUTER" em1 fd00:1::1
    wait_until 'the links to come up' hosts_are_up
    wait_until 'IPv6 between them' in_ns "$CLIENT" ping -c 1 -W 1 fd00:1::1 >/dev/null
}

# pf_start PORT PROGRAM... -- RULE...: until pf_stop.
pf_start() {
    local port=$1 program=() rules=()
    shift
    while [[ $1 != -- ]]; do
        program+=("$1")
        shift
    done
    shift
    while (($# > 0)); do
        rules+=(--pf "$1")
        shift
    done
    run_start "$ROUTER" "$port" "${BACKEND_OPTION[@]}" "${rules[@]}" -- "${program[@]}"
}

print_start() {
    pf_start 8000 "$EXAMPLES/printer" -p 8000 -- "$@"
}

pf_stop() {
    run_stop
    expect_no_rules "$ROUTER"
}

# expect_seen WHAT COUNT: packets that the printer saw since it was started.
expect_seen() {
    wait_until "$2 packets" printed_are "$2" 2>/dev/null
    expect_equal "$1" "$2" "$(printed "$RUN_LOG")"
}

printed_are() {
    (($(printed "$RUN_LOG") >= $1))
}

# expect_pings WHAT REPLIES NS ADDRESS: of three, one after the other.
expect_pings() {
    local wait=$DEADLINE
    (($2 > 0)) || wait=1
    expect_equal "$1" "$2" "$(single_replies "$3" "$4" 3 "$wait")"
}

# lines TEXT: how many lines of the example begin with that.
lines() {
    grep -c -e "^$1" "$RUN_LOG"
}

# unreachables_are NS COUNT: at least that many have come.
unreachables_are() {
    (($(icmp_count "$1" InDestUnreachs) >= $2))
}

# expect_refused WHAT MESSAGE ARGUMENT...
expect_refused() {
    local what=$1 message=$2 error
    shift 2
    error=$(in_ns "$ROUTER" "$DIVERT_RUN" "${BACKEND_OPTION[@]}" "$@" -- touch "$SCRATCH/ran" 2>&1 >/dev/null)
    expect_equal "$what: exit status" 2 $?
    expect_equal "$what: what it says" "divert-run: $message" "$error"
    expect_failure "$what: the command was not run" test -e "$SCRATCH/ran"
    expect_no_rules "$ROUTER"
}
