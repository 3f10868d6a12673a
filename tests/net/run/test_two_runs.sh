#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Several divert-runs in one host: each program sees every packet that its rule selects, once.
# shellcheck source-path=SCRIPTDIR source=../lib/built.sh
. "$(dirname "$0")/../lib/built.sh"

need_divert_run
hosts_make route-back

# expect_both NUMBER1 NUMBER2: of the rules; the first divert-run is started first.
expect_both() {
    local first first_log
    run_start "$ROUTER" 8001 "${BACKEND_OPTION[@]}" -r "$1 divert 8001 icmp from any to any in" \
        "$EXAMPLES/printer" -p 8001
    first=$RUN_PID first_log=$RUN_LOG
    run_start "$ROUTER" 8002 "${BACKEND_OPTION[@]}" -r "$2 divert 8002 icmp from any to any in" \
        "$EXAMPLES/printer" -p 8002
    expect_equal "rules $1 and $2: replies" 5 "$(ping_replies "$CLIENT" "$SERVER_ADDRESS" 5)"
    run_stop
    stop "$first"
    expect_equal "rules $1 and $2: packets that each saw" '10 and 10' \
        "$(printed "$first_log") and $(printed "$RUN_LOG")"
    expect_no_rules "$ROUTER"
}

test_both_see_each_packet() {
    expect_both 100 200
    expect_both 200 100
    expect_both '' ''
}

# another_start PORT ARGUMENT...: one more divert-run; its process and log are appended to the lists.
another_start() {
    run_start "$ROUTER" "$1" "${BACKEND_OPTION[@]}" "${@:2}"
    RUN_PIDS+=("$RUN_PID")
    RUN_LOGS+=("$RUN_LOG")
}

# In the order in which they were started, so that places after ended ones are tried, too.
all_stop() {
    local pid
    for pid in "${RUN_PIDS[@]}"; do
        stop "$pid"
    done
    RUN_PIDS=() RUN_LOGS=()
    expect_no_rules "$ROUTER"
}

printer_start() {
    another_start "$1" -r "$2 divert $1 icmp from any to any $3" "$EXAMPLES/printer" -p "$1"
}

# Writes what it reads as incoming as outgoing, with the tag that it read.
cat >"$SCRATCH/injector.py" <<'END'
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 258)
s.bind(("", int(sys.argv[1])))
while True:
    packet, address = s.recvfrom(65535)
    s.sendto(packet, ("0.0.0.0", address[1]))
END

injector_start() {
    another_start "$1" -r "$2 divert $1 icmp from any to any in recv lan0" \
        python3 "$SCRATCH/injector.py" "$1"
}

deny_start() {
    another_start "$1" -r "$2 deny icmp from any to any out xmit wan0" \
        -r "65000 divert $1 icmp from 192.0.2.1 to any" "$EXAMPLES/printer" -p "$1"
}

expect_seen_by() {
    expect_equal "$1: replies" "$2" "$(ping_replies "$CLIENT" "$SERVER_ADDRESS" 5)"
}

# Rules of a later run come after those of an earlier one, whatever their numbers.
test_injected_by_one_meets_the_rules_of_the_next() {
    injector_start 8001 100
    printer_start 8002 50 'out xmit wan0'
    expect_seen_by 'printer behind an injector' 5
    expect_equal 'the printer saw what was injected' 5 "$(printed "${RUN_LOGS[1]}")"
    all_stop
    injector_start 8001 100
    deny_start 8002 50
    expect_seen_by 'deny behind an injector' 0
    all_stop
}

# As in one list, where it goes on after the rule that diverted it.
test_injected_by_a_later_one_skips_the_rules_of_an_earlier() {
    printer_start 8001 200 'out xmit wan0'
    deny_start 8003 300
    injector_start 8002 100
    expect_seen_by 'injector behind the others' 5
    expect_equal 'the printer did not see what was injected' 0 "$(printed "${RUN_LOGS[0]}")"
    all_stop
}

test_three_see_each_packet() {
    local i
    printer_start 8001 100 in
    printer_start 8002 100 in
    printer_start 8003 100 in
    expect_seen_by 'three printers' 5
    for i in 0 1 2; do
        expect_equal "packets that run $((i + 1)) saw" 10 "$(printed "${RUN_LOGS[i]}")"
    done
    all_stop
}

# Lists whose rules need connection tracking come after it in the hooks, and then so do all later ones.
test_with_and_without_connection_tracking() {
    another_start 8001 --pf 'pass out on wan0 inet proto icmp divert-packet port 8001' \
        "$EXAMPLES/printer" -p 8001
    printer_start 8002 100 in
    printer_start 8003 100 in
    expect_equal 'pf before ipfw: replies' 5 "$(single_replies "$CLIENT" "$SERVER_ADDRESS" 5 "$DEADLINE")"
    expect_equal 'packets that each saw' '10 10 10' \
        "$(printed "${RUN_LOGS[0]}") $(printed "${RUN_LOGS[1]}") $(printed "${RUN_LOGS[2]}")"
    all_stop
    printer_start 8002 100 in
    another_start 8001 --pf 'pass out on wan0 inet proto icmp divert-packet port 8001' \
        "$EXAMPLES/printer" -p 8001
    expect_equal 'ipfw before pf: replies' 5 "$(single_replies "$CLIENT" "$SERVER_ADDRESS" 5 "$DEADLINE")"
    expect_equal 'packets that each saw' '10 10' "$(printed "${RUN_LOGS[0]}") $(printed "${RUN_LOGS[1]}")"
    all_stop
}

test_starts_and_ends_do_not_disturb_each_other() {
    local round i started statuses=''
    in_ns "$ROUTER" iptables -t raw -A PREROUTING -p udp --dport 4242 -j ACCEPT
    for round in {1..8}; do
        started=()
        for i in 1 2 3; do
            ns_start "$ROUTER" "$SCRATCH/log-$round-$i" "$DIVERT_RUN" "${BACKEND_OPTION[@]}" \
                -r "divert 800$i icmp from any to any" -- true
            started+=("$STARTED")
        done
        for i in "${started[@]}"; do
            wait "$i"
            statuses+=$?
        done
        rm -f "$SCRATCH/log-$round"-*
    done
    expect_equal 'exit statuses' 000000000000000000000000 "$statuses"
    in_ns "$ROUTER" iptables -t raw -D PREROUTING -p udp --dport 4242 -j ACCEPT
    expect_no_rules "$ROUTER"
}

# Holds three packets until there is a file.
cat >"$SCRATCH/keeper.py" <<'END'
import os, socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 258)
s.bind(("", int(sys.argv[1])))
kept = [s.recvfrom(65535) for _ in range(3)]
print("keeps three", flush=True)
while not os.path.exists(sys.argv[2]):
    time.sleep(0.01)
for packet, address in kept:
    s.sendto(packet, address)
time.sleep(1000)
END

keeps_three() {
    file_contains "${RUN_LOGS[0]}" 'keeps three'
}

# The kernel empties all queues of a namespace when a base chain is removed, as with nft at the end.
test_start_and_end_empty_no_queue() {
    local ping replies=0
    rm -f "$SCRATCH/go"
    another_start 8001 -r '100 divert 8001 icmp from any to any in recv lan0' \
        python3 "$SCRATCH/keeper.py" 8001 "$SCRATCH/go"
    ns_start "$CLIENT" "$SCRATCH/ping" ping -n -q -c 3 -i 0.02 -W 20 "$SERVER_ADDRESS"
    ping=$STARTED
    wait_until 'three packets that are kept' keeps_three
    printer_start 8002 100 'in recv lan0'
    [[ $BACKEND == nft ]] || stop "$RUN_PID"
    touch "$SCRATCH/go"
    wait "$ping"
    replies=$(awk '/packets transmitted/ { print $4 }' "$SCRATCH/ping")
    expect_equal 'replies to what was kept while another run came and went' 3 "$replies"
    all_stop
}

test_two_kinds_of_rules_are_refused() {
    local other=nft
    [[ $BACKEND != nft ]] || other=iptables
    printer_start 8001 100 in
    expect_contains 'the other packet filter' "in ${BACKEND%%-*}; give both the same --backend" \
        "$(in_ns "$ROUTER" "$DIVERT_RUN" --backend "$other" -r 'divert 8002 ip from any to any' true 2>&1)"
    all_stop
}

RUN_PIDS=() RUN_LOGS=()
TESTS=(test_both_see_each_packet
    test_injected_by_one_meets_the_rules_of_the_next
    test_injected_by_a_later_one_skips_the_rules_of_an_earlier
    test_three_see_each_packet
    test_with_and_without_connection_tracking
    test_starts_and_ends_do_not_disturb_each_other
    test_start_and_end_empty_no_queue)
# if both can queue
if backend_use nft && backend_use iptables-nft; then
    TESTS+=(test_two_kinds_of_rules_are_refused)
fi
need_commands python3
each_backend run_tests "${TESTS[@]}"
finish
