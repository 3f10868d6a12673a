#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A Python program with a socket of each family on one port, under divert-run: IPv4 and IPv6 pass
# through it, including neighbour discovery, each by its own socket.
# shellcheck source-path=SCRIPTDIR source=../lib/built.sh
. "$(dirname "$0")/../lib/built.sh"

need_divert_run
need_commands python3 ip6tables
hosts_make route-back
if ! [[ -e /proc/sys/net/ipv6 ]]; then skip 'this kernel has no IPv6'; fi

CLIENT6=2001:db8:1::2 ROUTER6=2001:db8:1::1
ip -n "$CLIENT" address add $CLIENT6/64 dev eth0 nodad
ip -n "$ROUTER" address add $ROUTER6/64 dev lan0 nodad

cat >"$SCRATCH/both.py" <<'END'
import select, socket

sockets = {}
for family, any_address in (socket.AF_INET, "0.0.0.0"), (socket.AF_INET6, "::"):
    s = socket.socket(family, socket.SOCK_RAW, 258)
    s.bind((any_address, 8000))
    sockets[s.fileno()] = s

poll = select.poll()
for fd in sockets:
    poll.register(fd, select.POLLIN)
while True:
    for fd, _ in poll.poll():
        packet, address = sockets[fd].recvfrom(65535)
        version = packet[0] >> 4
        protocol = packet[9] if version == 4 else packet[6]
        family = 4 if sockets[fd].family == socket.AF_INET else 6
        print("socket", family, "packet", version, "protocol", protocol, "at", address[0], flush=True)
        sockets[fd].sendto(packet, address)
END

pings6() {
    in_ns "$CLIENT" ping -6 -n -q -c "$2" -i 0.1 -W 10 "$1" 2>/dev/null |
        awk '/packets transmitted/ { replies = $4 } END { print replies + 0 }'
}

link_local() {
    ip -n "$ROUTER" -6 -o address show dev lan0 scope link | awk '{ sub("/.*", "", $4); print $4 }'
}

test_each_family_has_its_socket() {
    local at
    expect_equal 'pings over IPv4' 5 "$(ping_replies "$CLIENT" "$LAN_ADDRESS" 5 -W 10)"
    expect_equal 'pings over IPv6' 5 "$(pings6 "$ROUTER6" 5)"
    expect_equal 'pings over IPv6, link-local' 5 "$(pings6 "$(link_local)%eth0" 5)"
    for at in "$LAN_ADDRESS" 0.0.0.0; do
        expect_contains "IPv4 by $at" "socket 4 packet 4 protocol 1 at $at" "$(cat "$RUN_LOG")"
    done
    for at in $ROUTER6 ::; do
        expect_contains "IPv6 by $at" "socket 6 packet 6 protocol 58 at $at" "$(cat "$RUN_LOG")"
    done
    expect_equal 'packets of the other family' '' "$(grep -E 'socket (4 packet 6|6 packet 4)' "$RUN_LOG")"
}

for personality in freebsd openbsd; do
    ip -n "$CLIENT" neighbour flush all
    run_start "$ROUTER" 8000 --personality "$personality" \
        -r 'divert 8000 ip from any to any via lan0' python3 "$SCRATCH/both.py"
    wait_until 'both sockets' hosts_are_up
    run_tests test_each_family_has_its_socket
    run_stop
    expect_no_rules "$ROUTER"
done
finish
