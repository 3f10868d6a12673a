#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Sources written for BSD compile with the flags of pkg-config and nothing else, from an installed
# tree and from the build directory, and work: a NAT that follows the address of its interface, and
# a program that clamps the TCP segment size to the MTU of one; and one that tests for FreeBSD's macros.
# shellcheck source-path=SCRIPTDIR source=../lib/built.sh
. "$(dirname "$0")/../lib/built.sh"
# shellcheck source-path=SCRIPTDIR source=../lib/nat_traffic.sh
. "$(dirname "$0")/../lib/nat_traffic.sh"

need_divert_run
need_commands socat python3 pkg-config cc cmake
pkg-config --exists libbsd-overlay || skip 'no libbsd-overlay.pc: install libbsd-dev'
hosts_make
nat_server_start

PREFIX=$SCRATCH/prefix
NEW_ADDRESS=192.0.2.77

# compile PKG_CONFIG_DIRECTORY OUTPUT SOURCE...
compile() {
    local directory=$1 output=$2
    shift 2
    # shellcheck disable=SC2046
    (cd "$SOURCE/examples" &&
        cc $(PKG_CONFIG_PATH=$directory pkg-config --cflags --libs divertshim) -Wall -Wextra -Werror \
            "$@" -o "$output")
}

compile_all() {
    local directory=$1
    expect_success "natdyn compiles with the flags from ${directory##*/}" compile "$directory" \
        "$SCRATCH/natdyn" natdyn.c bsd_interface.c nat_packet.c nat_table.c
    expect_success "mssd compiles with the flags from ${directory##*/}" compile "$directory" \
        "$SCRATCH/mssd" mssd.c bsd_interface.c
    expect_success "mssd compiles as ISO C with the flags from ${directory##*/}" compile "$directory" \
        "$SCRATCH/mssd-c99" -std=c99 mssd.c bsd_interface.c
    expect_success "as_bsd compiles with the flags from ${directory##*/}" compile "$directory" \
        "$SCRATCH/as_bsd" -std=gnu99 -include divertshim/freebsd.h "$SOURCE/tests/net/bsd/as_bsd.c"
}

# ---- a source that tests for FreeBSD ----

test_as_bsd() {
    expect_equal 'what is as on BSD' 'icmp 0
options 2, then command
first a
cookie 40000000
divertfl 2
again -1
user 65534
TEXT' "$(in_ns "$ROUTER" "$SCRATCH/as_bsd" -a -b 1 command -a 2>&1)"
}

# pkg-config gives the flags even if it knows no other package.
test_flags_without_other_packages() {
    expect_contains 'flags without libbsd-overlay.pc' "-ldivertshim" \
        "$(PKG_CONFIG_PATH='' PKG_CONFIG_LIBDIR=$BUILD pkg-config --cflags --libs divertshim 2>&1)"
}

# ---- natdyn ----

wan_address() {
    ip -n "$ROUTER" address del "$1" dev wan0
    ip -n "$ROUTER" address add "$2" dev wan0
}

aliases_to() {
    file_contains "$RUN_LOG" "aliasing to $1,"
}

# The address that the client has for the server.
address_seen() {
    in_ns "$CLIENT" socat -T 5 -u "TCP4:$SERVER_ADDRESS:5003" STDOUT 2>&1
}

expect_address_followed() {
    wan_address "$WAN_ADDRESS"/24 "$NEW_ADDRESS"/24
    wait_until 'the NAT to take the new address' aliases_to "$NEW_ADDRESS"/255.255.255.0
    expect_equal 'the server sees the new address of the interface' "$NEW_ADDRESS" "$(address_seen)"
    wan_address "$NEW_ADDRESS"/24 "$WAN_ADDRESS"/24
}

test_natdyn() {
    run_start "$ROUTER" 8668 "${BACKEND_OPTION[@]}" -r 'divert 8668 ip from any to any via wan0' \
        "$SCRATCH/natdyn" -d -p natd -n wan0
    expect_contains 'it says the address and MTU' "aliasing to $WAN_ADDRESS/255.255.255.0, mtu 1500" \
        "$(cat "$RUN_LOG")"
    expect_nat_traffic
    expect_equal 'the server sees the address of the interface' "$WAN_ADDRESS" "$(address_seen)"
    expect_address_followed
    run_stop
    expect_equal 'SIGTERM ends it with status 0' 0 $?
    expect_no_rules "$ROUTER"
}

# The library is linked in: neither divert-run nor LD_PRELOAD.
test_natdyn_alone() {
    local rule
    for rule in 'raw -A PREROUTING -i wan0' 'mangle -A POSTROUTING -o wan0'; do
        # shellcheck disable=SC2086
        in_ns "$ROUTER" iptables -t $rule -j NFQUEUE --queue-num 8668
    done
    RUN_LOG=$SCRATCH/log-natdyn
    ns_start "$ROUTER" "$RUN_LOG" "$SCRATCH/natdyn" -d -n wan0 -P "$SCRATCH/pid"
    wait_queue "$ROUTER" 8668 || finish
    expect_equal 'alone: pings answered' 20 "$(ping_replies "$CLIENT" "$SERVER_ADDRESS" 20 -W 10)"
    expect_equal 'alone: the process id is in its file' "$(pgrep -f "^$SCRATCH/natdyn -d")" "$(cat "$SCRATCH/pid")"
    expect_address_followed
    stop "$STARTED"
    expect_equal 'alone: SIGTERM ends it with status 0' 0 $?
    in_ns "$ROUTER" iptables -t raw -F
    in_ns "$ROUTER" iptables -t mangle -F
}

# As at the start of a host whose address comes by DHCP.
test_natdyn_before_there_is_an_address() {
    ip -n "$ROUTER" address del "$WAN_ADDRESS/24" dev wan0
    run_start "$ROUTER" 8668 "${BACKEND_OPTION[@]}" -r 'divert 8668 ip from any to any via wan0' \
        "$SCRATCH/natdyn" -d -n wan0
    expect_equal 'it has no address to say' '' "$(grep aliasing "$RUN_LOG")"
    ip -n "$ROUTER" address add "$WAN_ADDRESS/24" dev wan0
    wait_until 'the NAT to take the address' aliases_to "$WAN_ADDRESS/255.255.255.0"
    expect_equal 'then the server sees the address of the interface' "$WAN_ADDRESS" "$(address_seen)"
    run_stop
}

# ---- mssd ----

# The largest segment that the server may send to the client.
segment_size() {
    in_ns "$CLIENT" socat -T 5 -u "TCP4:$SERVER_ADDRESS:5004" STDOUT 2>&1
}

# Tells each client the segment size of its connection.
telling_server() {
    ns_start "$SERVER" "$SCRATCH/log-$1" python3 -c "
import socket, sys
server = socket.create_server(('', $1))
while True:
    s, address = server.accept()
    s.sendall(str($2).encode())
    s.close()"
    wait_tcp "$SERVER" "$1"
}

mtu_is_taken() {
    file_contains "$RUN_LOG" "wan0: mtu $1,"
}

test_mssd() {
    run_start "$ROUTER" 1234 "${BACKEND_OPTION[@]}" -r 'divert 1234 tcp from any to any via wan0 setup' \
        "$SCRATCH/mssd" -v -p 1234 -i wan0
    expect_equal 'with the MTU of the other interfaces, the segment size' 1460 "$(segment_size)"
    ip -n "$ROUTER" link set wan0 mtu 1400
    wait_until 'the new MTU to be taken' mtu_is_taken 1400
    expect_equal 'with an MTU of 1400, the segment size' 1360 "$(segment_size)"
    ip -n "$ROUTER" link set wan0 mtu 1500
    wait_until 'the old MTU to be taken' mtu_is_taken 1500
    run_stop
    expect_no_rules "$ROUTER"
    run_start "$ROUTER" 1234 "${BACKEND_OPTION[@]}" -r 'divert 1234 tcp from any to any via wan0 setup' \
        "$SCRATCH/mssd" -v -p 1234 -m 1001
    expect_equal 'with -m 1001, the segment size' 1001 "$(segment_size)"
    run_stop
    expect_equal 'no checksum was wrong' '' "$(grep checksum "$RUN_LOG")"
}

expect_success 'cmake --install' cmake --install "$BUILD" --prefix "$PREFIX"
compile_all "$BUILD"
compile_all "$(dirname "$(find "$PREFIX" -name divertshim.pc)")"
expect_contains 'it uses the installed library' "$PREFIX" "$(ldd "$SCRATCH/natdyn" | grep divertshim)"

telling_server 5003 'address[0]'
telling_server 5004 's.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG)'
in_ns "$SERVER" sysctl -q net.ipv4.tcp_timestamps=0

run_tests test_flags_without_other_packages test_as_bsd
expect_nothing_without_nat
run_tests test_natdyn_alone
each_backend run_tests test_natdyn test_natdyn_before_there_is_an_address
server_route_add
each_backend run_tests test_mssd
finish
