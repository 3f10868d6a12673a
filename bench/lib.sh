# shellcheck shell=bash
# What the parts of the benchmark share; bench/run starts them. Source it:
#
#     . "$(dirname "$0")/lib.sh"
#     title 'What is measured'
#     measure() { ...; sample 'packets/s' "$1" "$RATE"; }
#     in_turns measure library expert
#     compare 'packets/s' library expert at-least 0.85
#
# The traffic comes from the client, passes the router, where the program runs, and ends in the
# server; the generator has one core, the program the other.
#
# Set by bench/run: $BUILD, $ROUNDS, $RUN_SECONDS, $PACKETS, and the file $RESULTS, with lines of
# tab-separated fields; summary.py reads them.

# shellcheck source-path=SCRIPTDIR source=../tests/net/lib/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/../tests/net/lib/lib.sh"

DEADLINE=30 # a busy machine may take its time
: "${BUILD:?}" "${ROUNDS:?}" "${RUN_SECONDS:?}" "${PACKETS:?}" "${RESULTS:?}"

GENERATOR_CPU=0
PROGRAM_CPU=1
PORT=8000    # the divert port, and the queue
SINK_PORT=9  # UDP to it is counted and dropped in the server
QUEUE_LEN=32768 # of the library's queues
SETTLE=0.3   # seconds from the first packet to the measurement
BENCH=$BUILD/bench
PRELOAD=(env "LD_PRELOAD=$BUILD/libdivertshim.so") # variables and a command may follow
PLAIN=("$BENCH/nfq_loop" "$PORT" "$QUEUE_LEN")
EXPERT=("$BENCH/expert_loop" "$PORT" "$QUEUE_LEN")
LIBRARY=("${PRELOAD[@]}" "$BENCH/divert_loop" "$PORT")
export GENERATOR_CPU PROGRAM_CPU PORT QUEUE_LEN BENCH PLAIN EXPERT LIBRARY RATE=0

die() {
    printf 'bench: %s\n' "$*" >&2
    exit 1
}

# ---- results ----

# record KIND FIELD...
record() {
    local IFS=$'\t'
    printf '%s\n' "$*" >>"$RESULTS"
}

title() {
    record title "$1"
}

# note TEXT: is printed below the tables.
note() {
    record note "$1"
}

# sample METRIC SERIES VALUE [X]: one measurement, for the table of METRIC.
sample() {
    [[ $3 =~ ^-?[0-9.]+$ ]] || die "$1 of $2 is no number: $3"
    record sample "$1" "$2" "${4:-}" "$3"
}

# compare METRIC SERIES BASE at-least|at-most TARGET [WANTED]: the median of the rounds' ratios.
compare() {
    record compare "$@"
}

# limit METRIC SERIES at-least|at-most TARGET: the median itself.
limit() {
    record limit "$@"
}

# plot METRIC FILE curve|bars TITLE X-LABEL: plots METRIC's table.
plot() {
    record plot "$@"
}

# in_turns FUNCTION ARGUMENT...: calls it with each ARGUMENT in every round, and starts with
# another one each time.
in_turns() {
    local function=$1 round i
    shift
    for ((round = 0; round < ROUNDS; round++)); do
        for ((i = 0; i < $#; i++)); do
            "$function" "${@:1 + (round + i) % $#:1}"
        done
    done
}

# calculate EXPRESSION: evaluates it with awk.
calculate() {
    awk "BEGIN { printf \"%.9g\", ($1) }"
}

# ---- the network ----

# need_bench FILE...: root, two cores, and these files of the build.
need_bench() {
    need_root
    need_commands ip iptables taskset awk
    (($(nproc) >= 2)) || skip 'two cores are needed: one for the generator, one for the program'
    need_files "$BUILD/libdivertshim.so" "$BENCH/flood" "$BENCH/divert_loop" "$BENCH/nfq_loop" "$BENCH/expert_loop" "$@"
    scratch_directory SCRATCH
}

# network_make: makes the hosts, and a cheap sink for the packets.
network_make() {
    hosts_make route-back
    in_ns "$SERVER" iptables -t raw -A PREROUTING -p udp --dport $SINK_PORT -j DROP ||
        die 'iptables takes no rule in the server'
}

# divert MATCH...: adds a rule by hand for what the router forwards.
divert() {
    in_ns "$ROUTER" iptables -t mangle -A FORWARD "$@" -j NFQUEUE --queue-num $PORT ||
        die 'iptables takes no NFQUEUE rule'
}

divert_udp() {
    divert -p udp --dport $SINK_PORT
}

# arrived: the number of packets that the sink has counted.
arrived() {
    in_ns "$SERVER" iptables -t raw -nvxL PREROUTING | awk '$3 == "DROP" { print $1 }'
}

# ---- programs ----

# program_start COMMAND...: in the router, on its core; waits until it has bound its port. The process
# is $PROGRAM; the output goes to $SCRATCH/program.
program_start() {
    router_start taskset -c $PROGRAM_CPU "$@"
}

# router_start COMMAND...: the same on any core.
router_start() {
    ns_start "$ROUTER" "$SCRATCH/program" "$@"
    PROGRAM=$STARTED
    PROGRAM_LINE=$*
    wait_queue "$ROUTER" "${WAIT_PORT:-$PORT}" || die "$*: $(cat "$SCRATCH/program")"
}

program_stop() {
    stop "$PROGRAM" || die "the program failed: $(cat "$SCRATCH/program")"
    wait_queue_free "$ROUTER" "${WAIT_PORT:-$PORT}" || die 'the program did not end'
}

# flood_start OPTION...: options of bench/flood.c, without -s and -c.
flood_start() {
    flood_anywhere -c $GENERATOR_CPU "$@"
}

# flood_anywhere OPTION...: the same on any core. FLOOD_TO is the address if it is not the server's.
flood_anywhere() {
    ns_start "$CLIENT" "$SCRATCH/flood" "$BENCH/flood" -s 120 "$@" "${FLOOD_TO:-$SERVER_ADDRESS}" $SINK_PORT
    FLOOD=$STARTED
}

flood_stop() {
    stop "$FLOOD"
    return 0
}

# flood_wait COUNT: until more than that COUNT have arrived, and then a little.
flood_wait() {
    wait_until 'the first packets' more_arrived "$1" ||
        die "no packets arrived through $PROGRAM_LINE: $(cat "$SCRATCH/program" "$SCRATCH/flood")"
    sleep $SETTLE
}

queue_is_empty() {
    # shellcheck disable=SC2016
    in_ns "$ROUTER" awk -v queue=$PORT '$1 == queue && $3 > 0 { exit 1 }' /proc/net/netfilter/nfnetlink_queue
}

more_arrived() {
    (($(arrived) > $1))
}

# rate_measure: sets $RATE to the packets a second that arrive, over $RUN_SECONDS.
rate_measure() {
    local count time
    flood_wait "$(arrived)"
    count=$(arrived)
    time=${EPOCHREALTIME/[.,]/}
    sleep "$RUN_SECONDS"
    count=$(($(arrived) - count))
    time=$((${EPOCHREALTIME/[.,]/} - time))
    RATE=$(calculate "$count * 1e6 / $time")
}

# rate_of COMMAND...: runs the program under a flood; packets a second in $RATE. $FLOOD_OPTIONS are added.
rate_of() {
    program_start "$@"
    flood_start "${FLOOD_OPTIONS[@]}"
    rate_measure
    flood_stop
    program_stop
}
FLOOD_OPTIONS=()
