#!/bin/bash
# packets/s against the number of sockets, of rules, of outstanding packets, and against their size
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

SOCKETS=(1 4 16 64)
RULES=(1 10 100 1000)
SIZES=(64 512 1500 9000 65000)

# Traffic for the last of so many sockets in one select().
with_sockets() {
    rate_of "${PRELOAD[@]}" "$BENCH/divert_loop" -n "$1" $((PORT + 1 - $1))
    sample 'packets/s by sockets' library "$RATE" "$1"
}

# The last of so many rules diverts.
with_rules() {
    local rule
    for ((rule = 1; rule < $1; rule++)); do
        printf '%d deny udp from 198.18.%d.%d to any\n' $rule $((rule / 256)) $((rule % 256))
    done >"$SCRATCH/rules"
    printf '%d divert %d udp from any to any %d in recv lan0\n' "$1" $PORT $SINK_PORT >>"$SCRATCH/rules"
    rate_of "$BUILD/divert-run" -f "$SCRATCH/rules" -- "$BENCH/divert_loop" $PORT
    sample 'packets/s by rules' divert-run "$RATE" "$1"
}

with_size() {
    local FLOOD_OPTIONS=(-l "$1")
    rate_of "${LIBRARY[@]}"
    sample 'packets/s by bytes' library "$RATE" "$1"
    rate_of "${HAND_WRITTEN[@]}"
    sample 'packets/s by bytes' hand-written "$RATE" "$1"
}

mtu_set() {
    local end
    for end in "$CLIENT eth0" "$ROUTER lan0" "$ROUTER wan0" "$SERVER eth0"; do
        ip -n "${end% *}" link set "${end#* }" mtu "$1" || die "no MTU of $1"
    done
}

# match prints a line of numbers outstanding, and one of ns for each way of rewriting.
match() {
    local round
    for ((round = 0; round < ROUNDS; round++)); do
        "$BENCH/match" >"$SCRATCH/match" || die 'match failed'
        awk -F '  +' '
            NR == 1 { split(substr($0, 29), x, " ") }
            NR > 1 {
                series = substr($0, 1, 28); sub(/ +$/, "", series)
                n = split(substr($0, 29), y, " ")
                for (i = 1; i <= n; i++)
                    print "sample\tns to note and find one by packets outstanding\t" series "\t" x[i] "\t" y[i]
            }' "$SCRATCH/match" >>"$RESULTS"
    done
}

need_bench "$BENCH/match" "$BUILD/divert-run"
network_make
title 'What it depends on'
in_turns with_rules "${RULES[@]}"
divert_udp
in_turns with_sockets "${SOCKETS[@]}"
match
mtu_set 65535
in_turns with_size "${SIZES[@]}"
plot 'packets/s by sockets' sockets curve 'Traffic for one of many sockets, 64 bytes' 'divert sockets in one select()'
plot 'packets/s by rules' rules curve 'The last of many rules diverts, 64 bytes' 'rules given to divert-run'
plot 'packets/s by bytes' size curve 'Size of the packets' 'bytes of an IP packet'
plot 'ns to note and find one by packets outstanding' outstanding curve \
    'Finding a written packet again' 'packets read and not written yet'
