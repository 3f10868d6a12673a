# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# What the client can do through a NAT on the router, towards a server without a route back to it.
# Source it after built.sh, when the hosts are there.

TRANSFER_BYTES=6000000

# Echoes UDP on port 5002.
nat_server_start() {
    ns_start "$SERVER" "$SCRATCH/log-udp-server" socat UDP4-LISTEN:5002,fork,reuseaddr PIPE
    wait_udp "$SERVER" 5002
    head -c $TRANSFER_BYTES /dev/urandom >"$SCRATCH/sent"
}

received_all() {
    [[ $(stat -c %s "$SCRATCH/received" 2>/dev/null) == "$TRANSFER_BYTES" ]]
}

expect_tcp_transfer() {
    local log=$SCRATCH/log-tcp-server
    rm -f "$SCRATCH/received"
    ns_start "$SERVER" "$log" socat -d -d -u TCP4-LISTEN:5001,reuseaddr "CREATE:$SCRATCH/received"
    wait_tcp "$SERVER" 5001
    expect_success 'a TCP transfer' \
        in_ns "$CLIENT" timeout 60 socat -u "FILE:$SCRATCH/sent" "TCP4:$SERVER_ADDRESS:5001"
    wait_until 'the server to have it all' received_all
    expect_equal "TCP: SHA-256 of $TRANSFER_BYTES bytes" \
        "$(sha256sum <"$SCRATCH/sent")" "$(sha256sum <"$SCRATCH/received")"
    expect_contains "TCP: the server sees the router's address" \
        "accepting connection from AF=2 $WAN_ADDRESS:" "$(cat "$log")"
    stop "$STARTED"
}

# udp_echo LENGTH: sends one datagram there; prints whether the answer is the same.
udp_echo() {
    in_ns "$CLIENT" python3 -c '
import socket, sys
sent = bytes(i % 251 for i in range(int(sys.argv[2])))
udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.settimeout(10)
udp.connect((sys.argv[1], 5002))
udp.send(sent)
print("the same" if udp.recv(65535) == sent else "something else")' "$SERVER_ADDRESS" "$1" 2>&1 | tail -n 1
}

expect_nat_traffic() {
    expect_equal 'pings answered' 20 "$(ping_replies "$CLIENT" "$SERVER_ADDRESS" 20 -W 10)"
    expect_tcp_transfer
    expect_equal 'UDP: what comes back for 100 bytes' 'the same' "$(udp_echo 100)"
    expect_equal 'UDP: what comes back for 4000 bytes, in fragments' 'the same' "$(udp_echo 4000)"
}

expect_nothing_without_nat() {
    expect_equal 'without the NAT, pings answered' 0 "$(ping_replies "$CLIENT" "$SERVER_ADDRESS" 2)"
}
