# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# Hosts, waiting and assertions for the integration tests and the demo. Source it:
#
#     . "$(dirname "$0")/../lib/lib.sh"
#     need_root; need_commands ip ping
#     hosts_make                     # $CLIENT -- $ROUTER -- $SERVER
#     in_ns "$CLIENT" ping -c 1 10.1.0.1
#     expect_equal "replies" 20 "$replies"
#     finish                         # prints a summary; exit status 0 or 1
#
# The hosts:
#
#     client 10.1.0.2/24 --- lan0 10.1.0.1 router 192.0.2.1 wan0 --- 192.0.2.2/24 server
#
# When the script ends, in whatever way, all processes in the hosts are killed and
# the hosts are removed. A script that ends with 77 was skipped, and says why.

SKIP_STATUS=77
DEADLINE=${DEADLINE:-10} # the most seconds that the wait functions wait

CLIENT_ADDRESS=10.1.0.2
LAN_ADDRESS=10.1.0.1
WAN_ADDRESS=192.0.2.1
SERVER_ADDRESS=192.0.2.2

NET_PREFIX=${NET_PREFIX:-ds}
CLIENT=$NET_PREFIX-$$-client
ROUTER=$NET_PREFIX-$$-router
SERVER=$NET_PREFIX-$$-server
export CLIENT_ADDRESS LAN_ADDRESS WAN_ADDRESS SERVER_ADDRESS CLIENT ROUTER SERVER

NET_SPACES=()   # namespaces to remove
NET_SCRATCH=''  # directory for logs and files, removed at the end
NET_FAILURES=0

# ---- what the script needs ----

# skip REASON...: ends the script as skipped.
skip() {
    printf 'SKIP: %s\n' "$*"
    exit "$SKIP_STATUS"
}

need_root() {
    [[ $EUID -eq 0 ]] || skip 'network namespaces need root'
}

# need_commands NAME...
need_commands() {
    local name
    for name in "$@"; do
        command -v "$name" >/dev/null || skip "no command $name"
    done
}

# need_files PATH...: files of the build or of packages.
need_files() {
    local path
    for path in "$@"; do
        [[ -e $path ]] || skip "no file $path"
    done
}

# need_nfqueue: a kernel and an iptables that support -j NFQUEUE.
need_nfqueue() {
    local probe=$NET_PREFIX-$$-probe reason
    ns_add "$probe"
    reason=$(in_ns "$probe" iptables -t mangle -A FORWARD -j NFQUEUE --queue-num 1 2>&1) ||
        skip "iptables takes no NFQUEUE here: $reason"
    ns_remove "$probe"
}

# ---- namespaces ----

# ns_add NAME...: makes namespaces with lo up, which are removed at the end.
ns_add() {
    local name
    for name in "$@"; do
        NET_SPACES+=("$name")
        ip netns add "$name" || skip "cannot make a network namespace"
        ip -n "$name" link set lo up
    done
}

# ns_remove NAME: kills what runs in it (TERM first, KILL after a second) and deletes it.
ns_remove() {
    local name=$1
    ip netns list | grep -q "^$name\b" || return 0
    ns_signal "$name" TERM
    DEADLINE=1 wait_until "the end of all in $name" ns_is_empty "$name" 2>/dev/null ||
        ns_signal "$name" KILL
    ip netns del "$name"
}

ns_is_empty() {
    [[ -z $(ip netns pids "$1" 2>/dev/null) ]]
}

# ns_signal NAME SIGNAL: to every process in the namespace.
ns_signal() {
    local pid
    for pid in $(ip netns pids "$1" 2>/dev/null); do
        kill -s "$2" "$pid" 2>/dev/null
    done
    return 0
}

# in_ns NAME COMMAND...
in_ns() {
    ip netns exec "$@"
}

# ns_start NAME LOG COMMAND...: in the background, output to LOG; its process id is in $STARTED.
ns_start() {
    local name=$1 log=$2
    shift 2
    ip netns exec "$name" "$@" >"$log" 2>&1 </dev/null &
    export STARTED=$!
}

# stop PID [SIGNAL]: signals a process that ns_start started and returns its exit status.
stop() {
    kill -s "${2:-TERM}" "$1" 2>/dev/null
    wait "$1" 2>/dev/null
}

# link_make NS1 IFACE1 ADDRESS1/LEN NS2 IFACE2 ADDRESS2/LEN: a cable between two hosts.
link_make() {
    ip -n "$1" link add "$2" type veth peer name "$5" netns "$4" || skip 'cannot make veth links'
    ip -n "$1" address add "$3" dev "$2"
    ip -n "$4" address add "$6" dev "$5"
    ip -n "$1" link set "$2" up
    ip -n "$4" link set "$5" up
}

# hosts_make [route-back]: client, router and server. The server has a route to the
# client only with route-back: without it, the client is unreachable behind the router.
hosts_make() {
    ns_add "$CLIENT" "$ROUTER" "$SERVER"
    link_make "$CLIENT" eth0 $CLIENT_ADDRESS/24 "$ROUTER" lan0 $LAN_ADDRESS/24
    link_make "$ROUTER" wan0 $WAN_ADDRESS/24 "$SERVER" eth0 $SERVER_ADDRESS/24
    ip -n "$CLIENT" route add default via $LAN_ADDRESS
    in_ns "$ROUTER" sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
    if [[ ${1:-} == route-back ]]; then
        server_route_add
    fi
    wait_until 'the links to come up' hosts_are_up
}

server_route_add() {
    ip -n "$SERVER" route add 10.1.0.0/24 via $WAN_ADDRESS
}

hosts_are_up() {
    in_ns "$CLIENT" ping -c 1 -W 1 $LAN_ADDRESS >/dev/null &&
        in_ns "$ROUTER" ping -c 1 -W 1 $SERVER_ADDRESS >/dev/null
}

# ---- waiting ----

# wait_until WHAT COMMAND...: repeats the command until it succeeds; after $DEADLINE seconds
# reports that WHAT did not come, and fails.
wait_until() {
    local what=$1 end=$((${EPOCHREALTIME/[.,]/} + DEADLINE * 1000000)) # microseconds
    shift
    until "$@"; do
        if ((${EPOCHREALTIME/[.,]/} >= end)); then
            printf 'waited %s s in vain for %s\n' "$DEADLINE" "$what" >&2
            return 1
        fi
        sleep 0.02
    done
}

# queue_is_bound NS QUEUE: a program has bound that netfilter queue, and so that divert port.
queue_is_bound() {
    # shellcheck disable=SC2016
    in_ns "$1" awk -v queue="$2" '$1 == queue { found = 1 } END { exit !found }' \
        /proc/net/netfilter/nfnetlink_queue 2>/dev/null
}

queue_is_free() {
    ! queue_is_bound "$@"
}

# queue_hands_over NS QUEUE: its copy mode is set, too; until then the kernel drops its packets.
queue_hands_over() {
    # shellcheck disable=SC2016
    in_ns "$1" awk -v queue="$2" '$1 == queue && $4 == 2 { found = 1 } END { exit !found }' \
        /proc/net/netfilter/nfnetlink_queue 2>/dev/null
}

wait_queue() {
    wait_until "divert port $2 to be bound" queue_hands_over "$1" "$2"
}

wait_queue_free() {
    wait_until "divert port $2 to be free" queue_is_free "$1" "$2"
}

# tcp_listens NS PORT
tcp_listens() {
    [[ -n $(in_ns "$1" ss -Hltn "sport = :$2") ]]
}

udp_listens() {
    [[ -n $(in_ns "$1" ss -Hlun "sport = :$2") ]]
}

wait_tcp() {
    wait_until "TCP port $2 to listen" tcp_listens "$1" "$2"
}

wait_udp() {
    wait_until "UDP port $2 to listen" udp_listens "$1" "$2"
}

# file_contains FILE TEXT
file_contains() {
    grep -qF -e "$2" "$1" 2>/dev/null
}

# process_ended PID: also true for a zombie.
process_ended() {
    ! grep -q '^State:[[:space:]]*[^ZX[:space:]]' "/proc/$1/status" 2>/dev/null
}

# ---- what is left in the firewall ----

# rules_left NS: every rule, and every chain or table that is not built in, one per line:
# iptables-legacy's, iptables-nft's, and nft's. Nothing if the firewall is untouched.
rules_left() {
    local save family name
    for save in iptables-legacy-save ip6tables-legacy-save iptables-nft-save ip6tables-nft-save; do
        command -v $save >/dev/null || continue
        in_ns "$1" $save 2>/dev/null | awk -v from="${save%-save}" '
            /^\*/ { table = substr($0, 2) }
            /^-A/ || /^:[^ ]+ - / { print from ": " table ": " $0 }'
    done
    command -v nft >/dev/null || return 0
    in_ns "$1" nft list tables 2>/dev/null |
        awk '!($2 ~ /^ip6?$/ && $3 ~ /^(raw|mangle|nat|filter|security)$/) { print $2, $3 }' |
        while read -r family name; do
            in_ns "$1" nft list table "$family" "$name" | sed 's/^/nft: /'
        done
}

# ---- results ----

scratch_directory() {
    if [[ -z $NET_SCRATCH ]]; then
        NET_SCRATCH=$(mktemp -d) || skip 'cannot make a scratch directory'
    fi
    printf -v "${1:-SCRATCH}" '%s' "$NET_SCRATCH"
}

ok() {
    printf 'ok: %s\n' "$1"
}

# not_ok WHAT EXPECTED GOT
not_ok() {
    NET_FAILURES=$((NET_FAILURES + 1))
    printf 'FAIL: %s\n    expected: %s\n    got:      %s\n' "$1" "$2" "$3"
    return 1
}

# expect_equal WHAT EXPECTED GOT
expect_equal() {
    if [[ $2 == "$3" ]]; then ok "$1"; else not_ok "$1" "$2" "$3"; fi
}

# expect_at_least WHAT MINIMUM GOT; expect_at_most WHAT MAXIMUM GOT: whole numbers.
expect_at_least() {
    if [[ $3 =~ ^[0-9]+$ ]] && (($3 >= $2)); then ok "$1"; else not_ok "$1" "at least $2" "$3"; fi
}

expect_at_most() {
    if [[ $3 =~ ^[0-9]+$ ]] && (($3 <= $2)); then ok "$1"; else not_ok "$1" "at most $2" "$3"; fi
}

# expect_contains WHAT TEXT GOT
expect_contains() {
    if [[ $3 == *"$2"* ]]; then ok "$1"; else not_ok "$1" "something with '$2'" "$3"; fi
}

# expect_success WHAT COMMAND...; expect_failure WHAT COMMAND...
expect_success() {
    local what=$1 output status
    shift
    output=$("$@" 2>&1)
    status=$?
    if ((status == 0)); then ok "$what"; else not_ok "$what" "success of: $*" "status $status: $output"; fi
}

expect_failure() {
    local what=$1 output
    shift
    if output=$("$@" 2>&1); then not_ok "$what" "failure of: $*" "status 0: $output"; else ok "$what"; fi
}

# expect_no_rules NS
expect_no_rules() {
    expect_equal "no rule is left in ${1##*-}" '' "$(rules_left "$1")"
}

# icmp_count NS FIELD: one of the kernel's counters of ICMP, such as InEchoReps.
icmp_count() {
    # shellcheck disable=SC2016
    in_ns "$1" awk -v name="$2" '
        $1 == "Icmp:" && !field { for (i = 2; i <= NF; i++) if ($i == name) field = i; next }
        $1 == "Icmp:" { print $field }' /proc/net/snmp
}

# echo_replies NS: how many have arrived, by the kernel's count.
echo_replies() {
    icmp_count "$1" InEchoReps
}

echo_replies_are() {
    (($(echo_replies "$1") >= $2))
}

# ping_replies NS ADDRESS COUNT [PING-OPTION...]: how many of COUNT pings were answered. Where some
# were, ping waits for the others no longer than two of the longest round trips, whatever -W says.
ping_replies() {
    local name=$1 address=$2 count=$3 before replies
    shift 3
    before=$(echo_replies "$name")
    replies=$(in_ns "$name" ping -n -q -c "$count" -i 0.02 -W 1 "$@" "$address" 2>/dev/null |
        awk '/packets transmitted/ { replies = $4 } END { print replies + 0 }')
    if ((replies > 0 && replies < count)); then
        wait_until 'late replies' echo_replies_are "$name" $((before + count)) 2>/dev/null
        replies=$(($(echo_replies "$name") - before))
    fi
    printf '%d\n' "$replies"
}

# single_replies NS ADDRESS COUNT WAIT: the same, with a ping(8) for each. Of several pings of one that
# wait in a program before any is answered, connection tracking lets one pass.
single_replies() {
    local replies=0 i
    for ((i = 0; i < $3; i++)); do
        replies=$((replies + $(ping_replies "$1" "$2" 1 -W "$4")))
    done
    printf '%d\n' "$replies"
}

# run_tests FUNCTION...: one after the other; only $TEST_ONLY if that is set (see tests/run).
run_tests() {
    local test_function
    for test_function in "$@"; do
        run_test "$test_function"
    done
}

# run_test FUNCTION ARGUMENT...: the same for a function with arguments.
run_test() {
    [[ -z ${TEST_ONLY:-} || $TEST_ONLY == "$1" ]] || return 0
    "$@"
}

# finish: prints the summary and exits; the last line of a test.
finish() {
    if ((NET_FAILURES > 0)); then
        printf '%d failed\n' "$NET_FAILURES"
        exit 1
    fi
    exit 0
}

# ---- the end ----

# on_end is called before the hosts are removed. Redefine it in the script if there is more to do.
on_end() {
    :
}

net_clean_up() {
    local status=$? name
    trap '' INT TERM HUP
    trap - EXIT
    on_end
    for name in "${NET_SPACES[@]}"; do
        ns_remove "$name"
    done
    # shellcheck disable=SC2046
    kill $(jobs -p) 2>/dev/null
    wait
    [[ -z $NET_SCRATCH ]] || rm -rf "$NET_SCRATCH"
    exit "$status"
}

trap net_clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP
