#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Program and wrapper are killed, in turn and together, with packets read and not written: nothing is
# left behind, and what belongs to others is not touched.
# shellcheck source-path=SCRIPTDIR source=../lib/built.sh
. "$(dirname "$0")/../lib/built.sh"

KILLS=${KILLS:-20}
RULES=(-r 'divert 8000 icmp from any to any in recv lan0')

need_divert_run
need_commands nft python3
hosts_make route-back

# Reads packets and holds five; has injected one by the TAP device; passes all others on.
cat >"$SCRATCH/holder.py" <<END
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 258)
s.bind(("", 8000))
packet, address = s.recvfrom(65535)
s.sendto(packet, ("$WAN_ADDRESS", 0))
kept = [s.recvfrom(65535) for _ in range(5)]
print("keeps five", flush=True)
while True:
    packet, address = s.recvfrom(65535)
    s.sendto(packet, address)
END

# ---- what there is in the router ----

# Only of the tables that exist: iptables-legacy-save makes those that it is asked for.
legacy_rules() {
    local six table
    for six in '' 6; do
        while read -r table; do
            in_ns "$ROUTER" "ip${six}tables-legacy-save" -t "$table"
        done < <(in_ns "$ROUTER" sort "/proc/net/ip${six}_tables_names" 2>/dev/null)
    done
}

# Rules, devices, queues and files. Chain counters and the times in comments are no rules.
snapshot() {
    legacy_rules | sed -e '/^#/d' -e 's/ \[[0-9:]*\]$//'
    in_ns "$ROUTER" nft -s list ruleset 2>/dev/null | sed "s/ # progname.*//" # which is listed only sometimes
    in_ns "$ROUTER" ip -o link show | awk '{ print $2 }'
    in_ns "$ROUTER" cut -c 1-6 /proc/net/netfilter/nfnetlink_queue
    ip netns list | grep "^$NET_PREFIX-$$-" | sort
    printf '%s\n' /run/*divert* /dev/shm/*divert*
    in_ns "$ROUTER" ip rule
    in_ns "$ROUTER" ip -4 route show table all
}

snapshot_is_as_before() {
    snapshot >"$SCRATCH/now"
    cmp -s "$SCRATCH/before" "$SCRATCH/now"
}

# expect_as_before WHAT: after the killed processes have ended.
expect_as_before() {
    if wait_until "$1" snapshot_is_as_before; then
        ok "$1"
    else
        not_ok "$1" 'what was there before' "$(diff "$SCRATCH/before" "$SCRATCH/now")"
    fi
}

# Rules of others: beside ours, before and after ours, and with names that look like ours.
foreign_rules() {
    in_ns "$ROUTER" iptables -t raw -A PREROUTING -p udp --dport 9 -j ACCEPT
    in_ns "$ROUTER" iptables -t raw -N divert-0123-in
    in_ns "$ROUTER" iptables -t raw -A PREROUTING -p udp -j divert-0123-in
    in_ns "$ROUTER" iptables -t mangle -N divert-probe-0123
    in_ns "$ROUTER" iptables -t mangle -A divert-probe-0123 -m comment --comment divert-run -j RETURN
    in_ns "$ROUTER" iptables -t mangle -A POSTROUTING -m comment --comment 'not of divert-run' -j RETURN
    in_ns "$ROUTER" iptables -t filter -A FORWARD -p udp --dport 10 -j DROP
    in_ns "$ROUTER" ip6tables -t mangle -A FORWARD -p udp -j ACCEPT
    in_ns "$ROUTER" nft -f - <<'END'
table inet divert_4567 {
    chain prerouting {
        type filter hook prerouting priority -310; policy accept;
        udp dport 11 accept comment "divert-run"
    }
}
table ip mine {
    chain divert { udp dport 12 drop; }
}
END
}

foreign_rules_remove() {
    in_ns "$ROUTER" nft delete table inet divert_4567
    in_ns "$ROUTER" nft delete table ip mine
    in_ns "$ROUTER" iptables -t raw -F
    in_ns "$ROUTER" iptables -t raw -X
    in_ns "$ROUTER" iptables -t mangle -F
    in_ns "$ROUTER" iptables -t mangle -X
    in_ns "$ROUTER" iptables -t filter -F
    in_ns "$ROUTER" ip6tables -t mangle -F
}

# ---- killing ----

program_keeps_five() {
    file_contains "$RUN_LOG" 'keeps five'
}

# A run with traffic; the program's process is $PROGRAM.
start_holder() {
    run_start "$ROUTER" 8000 "${BACKEND_OPTION[@]}" "${RULES[@]}" python3 "$SCRATCH/holder.py"
    PROGRAM=$(run_command_pid)
    wait_until 'packets that are kept' program_keeps_five ||
        not_ok 'divert-run with a program' 'packets that are kept' "$(cat "$RUN_LOG")"
}

wrapper_ended() {
    wait "$RUN_PID" 2>/dev/null
    wait_until 'the program to end' process_ended "$PROGRAM"
}

kill_program() {
    kill -KILL "$PROGRAM"
    wrapper_ended
}

# The program goes on without its wrapper, until somebody ends it.
kill_wrapper() {
    kill -KILL "$RUN_PID"
    wait "$RUN_PID" 2>/dev/null
    kill -0 "$PROGRAM" || not_ok 'divert-run is killed' 'a program that goes on' 'it is gone'
    kill -TERM "$PROGRAM"
    wrapper_ended
}

kill_both() {
    kill -KILL "$RUN_PID" "$PROGRAM"
    wrapper_ended
}

kill_both_the_other_way() {
    kill -KILL "$PROGRAM" "$RUN_PID"
    wrapper_ended
}

clean_up_by_cleanup() {
    in_ns "$ROUTER" "$DIVERT_RUN" -q --cleanup
}

clean_up_by_the_next_run() {
    in_ns "$ROUTER" "$DIVERT_RUN" "${BACKEND_OPTION[@]}" "${RULES[@]}" true
}

# Whatever removes the rules of a killed run, even with another packet filter.
clean_up_by_a_run_with_iptables() {
    PATH=$SYSTEM_PATH in_ns "$ROUTER" "$DIVERT_RUN" --backend iptables "${RULES[@]}" true 2>/dev/null ||
        clean_up_by_cleanup # where iptables cannot queue
}

test_kills_in_a_row() {
    local victims=(kill_program kill_wrapper kill_both kill_both_the_other_way)
    local clean_ups=(clean_up_by_cleanup clean_up_by_the_next_run clean_up_by_a_run_with_iptables) i
    for ((i = 0; i < KILLS; i++)); do
        start_holder
        "${victims[i % 4]}"
        ((i % 4 == 0)) || "${clean_ups[i % 3]}"
        expect_as_before "kill $((i + 1)): ${victims[i % 4]}, ${clean_ups[i % 3]}"
    done
    expect_equal "$KILLS kills later traffic flows" 3 "$(ping_replies "$CLIENT" "$SERVER_ADDRESS" 3 -W 10)"
}

router_has_no_process_but() {
    [[ $(ip netns pids "$ROUTER" | sort | tr '\n' ' ') == "$1" ]]
}

# In the middle of installing and removing, while its tools run.
test_kill_at_any_moment() {
    local i others
    others=$(ip netns pids "$ROUTER" | sort | tr '\n' ' ')
    for ((i = 0; i < KILLS / 2; i++)); do
        ns_start "$ROUTER" "$SCRATCH/log-moment" "$DIVERT_RUN" "${BACKEND_OPTION[@]}" "${RULES[@]}" true
        sleep "0.0$((i * 97 % 10))$((i * 31 % 10))"
        kill -KILL "$STARTED" 2>/dev/null
        wait "$STARTED" 2>/dev/null
        wait_until 'its tools to end' router_has_no_process_but "$others"
        clean_up_by_cleanup
        expect_as_before "killed at moment $((i + 1))"
    done
}

# Nobody listens, but the rules are there: what they divert is dropped until they are removed.
test_rules_without_a_program_drop() {
    start_holder
    stop "$TRAFFIC" KILL
    kill_both
    if [[ $BACKEND == nft ]]; then
        expect_at_least 'the rules went with their owner' 1 "$(ping_replies "$CLIENT" "$SERVER_ADDRESS" 3)"
        return
    fi
    expect_equal 'rules are left: what they divert is dropped' 0 "$(ping_replies "$CLIENT" "$SERVER_ADDRESS" 3)"
    expect_contains '--cleanup says what it did' 'removed the rules of a divert-run that was killed' \
        "$(in_ns "$ROUTER" "$DIVERT_RUN" --cleanup 2>&1)"
    expect_at_least 'rules are removed: traffic flows' 1 "$(ping_replies "$CLIENT" "$SERVER_ADDRESS" 3)"
}

all_tests() {
    local other
    foreign_rules
    run_start "$ROUTER" 8001 "${BACKEND_OPTION[@]}" -r 'divert 8001 udp from any to any 13' \
        "$EXAMPLES/printer" -p 8001
    other=$RUN_PID
    clean_up_by_the_next_run
    clean_up_by_a_run_with_iptables # the empty tables that it leaves belong to iptables
    ns_start "$CLIENT" /dev/null ping -n -q -i 0.01 "$SERVER_ADDRESS"
    TRAFFIC=$STARTED
    snapshot >"$SCRATCH/before"
    run_tests test_kills_in_a_row test_kill_at_any_moment test_rules_without_a_program_drop
    expect_as_before 'all is as it was'
    stop "$other"
    foreign_rules_remove
    expect_no_rules "$ROUTER"
    KILLS=$(((KILLS + 1) / 2)) # for the next packet filter
}

each_backend all_tests
finish
