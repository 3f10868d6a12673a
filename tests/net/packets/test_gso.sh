#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# With --gso the program reads large packets whole, with their checksums complete, and may rewrite
# them. They are cut as before for a program that has no room for them, and when they are injected.
# shellcheck source-path=SCRIPTDIR source=../lib/built.sh
. "$(dirname "$0")/../lib/built.sh"
# shellcheck source-path=SCRIPTDIR source=../lib/nat_traffic.sh
. "$(dirname "$0")/../lib/nat_traffic.sh"

need_divert_run
need_commands socat python3
hosts_make
nat_server_start

# A divert program with a buffer of SIZE: prints the length of the longest packet, and how many
# packets had a wrong TCP checksum, when it ends.
cat >"$SCRATCH/measure.py" <<'END'
import signal, socket, struct, sys

def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack("!%dH" % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total

longest = wrong = 0
def end(*_):
    print("longest", longest, "wrong", wrong, flush=True)
    sys.exit(0)

signal.signal(signal.SIGTERM, end)
divert = socket.socket(socket.AF_INET, socket.SOCK_RAW, 254)
divert.bind(("0.0.0.0", 8000))
while True:
    packet, address = divert.recvfrom(int(sys.argv[1]))
    longest = max(longest, len(packet))
    segment = packet[(packet[0] & 15) * 4:]
    if checksum(packet[12:20] + struct.pack("!HH", 6, len(segment)) + segment) != 0xffff:
        wrong += 1
    divert.sendto(packet, address)
END

# A divert program that writes every second packet in another direction, with that address: when it
# ends it prints how many of those were larger than the MTU.
cat >"$SCRATCH/detour.py" <<'END'
import signal, socket, sys

large = 0
def end(*_):
    print("large", large, flush=True)
    sys.exit(0)

signal.signal(signal.SIGTERM, end)
divert = socket.socket(socket.AF_INET, socket.SOCK_RAW, 254)
divert.bind(("0.0.0.0", 8000))
count = 0
while True:
    packet, address = divert.recvfrom(65535)
    count += 1
    if count % 2 == 0:
        large += len(packet) > 1500
        address = (sys.argv[1], address[1])
    divert.sendto(packet, address)
END

# measured OPTION... SIZE: a transfer through the program; its output is in $MEASURED.
measured() {
    local size=${*: -1}
    run_start "$ROUTER" 8000 "${BACKEND_OPTION[@]}" "${@:1:$#-1}" \
        -r 'divert 8000 tcp from any to any in via lan0' python3 "$SCRATCH/measure.py" "$size"
    server_route_add
    expect_success 'a TCP transfer' transfer
    ip -n "$SERVER" route del 10.1.0.0/24
    run_stop
    MEASURED=$(tail -n 1 "$RUN_LOG")
    expect_no_rules "$ROUTER"
}

# transfer [IP-VERSION]
transfer() {
    local version=${1:-4} to=$SERVER_ADDRESS
    [[ $version == 4 ]] || to=[$SERVER_ADDRESS6]
    rm -f "$SCRATCH/received"
    ns_start "$SERVER" "$SCRATCH/log-tcp" socat -u "TCP$version-LISTEN:5001,reuseaddr" \
        "CREATE:$SCRATCH/received"
    wait_tcp "$SERVER" 5001
    in_ns "$CLIENT" timeout 60 socat -u "FILE:$SCRATCH/sent" "TCP$version:$to:5001" &&
        wait_until 'the server to have it all' received_all && cmp "$SCRATCH/sent" "$SCRATCH/received"
}

# Adds IPv6 addresses. Packets may come from anywhere, and leave by the interface they came in on.
hosts_extend() {
    local name
    SERVER_ADDRESS6=2001:db8:2::2
    for name in "$CLIENT" "$ROUTER" "$SERVER"; do
        # shellcheck disable=SC2016
        in_ns "$name" sh -c 'echo 0 >/proc/sys/net/ipv6/conf/all/disable_ipv6
            for f in /proc/sys/net/ipv4/conf/*/rp_filter /proc/sys/net/ipv[46]/conf/*/accept_redirects; do
                echo 0 >$f
            done'
    done
    in_ns "$ROUTER" sh -c 'echo 1 >/proc/sys/net/ipv6/conf/all/forwarding'
    ip -n "$CLIENT" address add 2001:db8:1::2/64 dev eth0 nodad
    ip -n "$ROUTER" address add 2001:db8:1::1/64 dev lan0 nodad
    ip -n "$ROUTER" address add 2001:db8:2::1/64 dev wan0 nodad
    ip -n "$SERVER" address add $SERVER_ADDRESS6/64 dev eth0 nodad
    ip -n "$CLIENT" route add default via 2001:db8:1::1
    ip -n "$SERVER" route add default via 2001:db8:2::1
    server_route_add
}

# ip_count NS FIELD: one of the kernel's counters of IPv4 or, where its name says so, IPv6.
ip_count() {
    # shellcheck disable=SC2016
    in_ns "$1" awk -v name="$2" '
        $1 == "Ip:" && !field { for (i = 2; i <= NF; i++) if ($i == name) field = i; next }
        $1 == "Ip:" && field { print $field }
        $1 == name { print $2 }' /proc/net/snmp /proc/net/snmp6
}

# The results of packets that are too large: ICMP errors to the client, fragments to the server.
too_large() {
    printf '%s %s %s %s\n' "$(icmp_count "$CLIENT" InDestUnreachs)" "$(ip_count "$CLIENT" Icmp6InPktTooBigs)" \
        "$(ip_count "$SERVER" ReasmReqds)" "$(ip_count "$SERVER" Ip6ReasmReqds)"
}

# expect_detour WHAT RULE ADDRESS: half of the packets take that way, and all arrive.
expect_detour() {
    local before version
    before=$(too_large)
    run_start "$ROUTER" 8000 "${BACKEND_OPTION[@]}" --gso -r "$2" python3 "$SCRATCH/detour.py" "$3"
    for version in 4 6; do
        expect_success "$1: a TCP transfer over IPv$version" transfer "$version"
    done
    run_stop
    expect_at_least "$1: large packets" 20 "$(awk '/^large/ { print $2 }' "$RUN_LOG")"
    expect_equal "$1: complaints and fragments" "$before" "$(too_large)"
}

test_gso_detours() {
    expect_detour 'another interface' 'divert 8000 tcp from any to any in via lan0' "$WAN_ADDRESS"
    expect_detour 'outgoing' 'divert 8000 tcp from any to any in via lan0' 0.0.0.0
    expect_detour 'incoming' 'divert 8000 tcp from any to any out via wan0' "$LAN_ADDRESS"
}

expect_longest() {
    local what=$1 low=$2 high=$3 _ longest wrong
    read -r _ longest _ wrong <<<"$MEASURED"
    if ((longest >= low && longest <= high)); then
        ok "$what: the longest packet has $longest bytes"
    else
        not_ok "$what: the longest packet" "$low to $high bytes" "$longest"
    fi
    expect_equal "$what: wrong TCP checksums" 0 "$wrong"
}

test_gso() {
    measured 65535
    expect_longest 'without --gso' 1000 1500
    measured --gso 65535
    expect_longest 'with --gso' 2000 65535
    measured --gso 1500
    expect_longest 'with --gso and a buffer of 1500 bytes' 1000 1500

    run_start "$ROUTER" 8668 "${BACKEND_OPTION[@]}" --gso -r 'divert 8668 ip from any to any via wan0' \
        "$EXAMPLES/nat" -p 8668 -n wan0
    expect_nat_traffic
    run_stop
    expect_no_rules "$ROUTER"
}

each_backend run_tests test_gso
hosts_extend
each_backend run_tests test_gso_detours
finish
