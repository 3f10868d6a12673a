#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# With --gso large packets come to the program uncut, with their checksums complete, may be
# rewritten, and are cut as before for a program that has no room for them.
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

# measured OPTION... SIZE: a transfer with the program in between; what it printed is in $MEASURED.
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

transfer() {
    rm -f "$SCRATCH/received"
    ns_start "$SERVER" "$SCRATCH/log-tcp" socat -u TCP4-LISTEN:5001,reuseaddr "CREATE:$SCRATCH/received"
    wait_tcp "$SERVER" 5001
    in_ns "$CLIENT" timeout 60 socat -u "FILE:$SCRATCH/sent" "TCP4:$SERVER_ADDRESS:5001" &&
        wait_until 'the server to have it all' received_all && cmp "$SCRATCH/sent" "$SCRATCH/received"
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
finish
