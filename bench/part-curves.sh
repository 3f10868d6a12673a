#!/bin/bash
# packets/s by number of sockets, rules, size of packets and of the queue; ns by packets outstanding
# shellcheck source-path=SCRIPTDIR source=lib.sh
. "$(dirname "$0")/lib.sh"

SOCKETS=(1 4 16 64)
RULES=(1 10 100 1000)
SIZES=(64 512 1500 9000 65000)
QUEUE_LENGTHS=(512 4096 32768)

# Traffic for the last of that many sockets in one select().
with_sockets() {
    rate_of "${PRELOAD[@]}" "$BENCH/divert_loop" -n "$1" $((PORT + 1 - $1))
    sample 'packets/s by sockets' library "$RATE" "$1"
}

# addresses COUNT FORMAT: prints that many different addresses, none of which sends anything.
addresses() {
    seq 1 "$1" | awk -v format="$2\n" '{ printf format, $1, int($1 / 256), $1 % 256 }'
}

# The last of that many rules diverts. Both hooks have their own list of those before it, and so has
# the hand-written firewall that does the same.
with_rules() {
    local others=$(($1 - 1))
    {
        addresses $others '%d deny udp from 198.18.%d.%d to any'
        echo "$1 divert $PORT udp from any to any $SINK_PORT in recv lan0"
    } >"$SCRATCH/rules"
    rate_of "$BUILD/divert-run" -f "$SCRATCH/rules" -- "$BENCH/divert_loop" $PORT
    sample 'packets/s by rules' divert-run "$RATE" "$1"

    {
        echo '*raw'
        addresses $others '-A PREROUTING -p udp -m comment --comment %d -s 198.18.%d.%d -j DROP'
        echo "-A PREROUTING -i lan0 -p udp --dport $SINK_PORT -j NFQUEUE --queue-num $PORT"
        printf 'COMMIT\n*mangle\n'
        addresses $others '-A POSTROUTING -p udp -m comment --comment %d -s 198.18.%d.%d -j DROP'
        echo COMMIT
    } >"$SCRATCH/rules"
    in_ns "$ROUTER" iptables-restore <"$SCRATCH/rules" || die 'iptables-restore failed'
    rate_of "${EXPERT[@]}"
    in_ns "$ROUTER" iptables -t raw -F
    in_ns "$ROUTER" iptables -t mangle -F
    sample 'packets/s by rules' 'iptables by hand' "$RATE" "$1"
}

with_queue() {
    rate_of "${PRELOAD[@]}" "DIVERTSHIM_QUEUE_LEN=$1" "$BENCH/divert_loop" $PORT
    sample 'packets/s by queue length' library "$RATE" "$1"
    rate_of "$BENCH/expert_loop" $PORT "$1"
    sample 'packets/s by queue length' expert "$RATE" "$1"
}

with_size() {
    local FLOOD_OPTIONS=(-g -l "$1")
    rate_of "${LIBRARY[@]}"
    sample 'packets/s by bytes' library "$RATE" "$1"
    rate_of "${EXPERT[@]}"
    sample 'packets/s by bytes' expert "$RATE" "$1"
}

mtu_set() {
    local end
    for end in "$CLIENT eth0" "$ROUTER lan0" "$ROUTER wan0" "$SERVER eth0"; do
        ip -n "${end% *}" link set "${end#* }" mtu "$1" || die "no MTU of $1"
    done
}

# match prints a line with the numbers outstanding, and one with ns for each way of rewriting.
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

FLOOD_OPTIONS=(-g)
need_bench "$BENCH/match" "$BUILD/divert-run"
network_make
title 'What it depends on'
in_turns with_rules "${RULES[@]}"
divert_udp
in_turns with_sockets "${SOCKETS[@]}"
in_turns with_queue "${QUEUE_LENGTHS[@]}"
match
mtu_set 65535
in_turns with_size "${SIZES[@]}"
plot 'packets/s by sockets' sockets curve 'Traffic for one of many sockets, 64 bytes' 'divert sockets in one select()'
plot 'packets/s by rules' rules curve 'The last of many rules diverts, 64 bytes' 'rules given to divert-run'
plot 'packets/s by bytes' size curve 'Size of the packets' 'bytes of an IP packet'
plot 'ns to note and find one by packets outstanding' outstanding curve \
    'Finding a written packet again' 'packets read and not written yet'
