#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# divert-run reports divert ports of its rules that no program has bound, once for each, and not too soon.
# shellcheck source-path=SCRIPTDIR source=../lib/built.sh
. "$(dirname "$0")/../lib/built.sh"

DEADLINE=60 # some seconds must pass before it says anything

need_divert_run
need_commands python3 setpriv unshare
hosts_make

# Programs bind their ports before the rules are made, so that they are not late on a busy machine.
# rules_start RULE...: divert-run that only holds rules, with $LISTENERS.
rules_start() {
    local rule arguments=()
    for rule in "$@"; do
        arguments+=(-r "$rule")
    done
    RUN_LOG=$(mktemp "$SCRATCH/log-XXXXXX")
    ns_start "$ROUTER" "$RUN_LOG" "$DIVERT_RUN" --listeners "${LISTENERS:-1}" \
        "${arguments[@]}" sleep 1000
    RUN_PID=$STARTED
}

# printer_start PORT: the process is $STARTED.
printer_start() {
    ns_start "$ROUTER" "$SCRATCH/log-printer-$1" env LD_PRELOAD="$LIBRARY" \
        DIVERTSHIM_LISTENERS="${LISTENERS:-1}" "$EXAMPLES/printer" -p "$1"
    wait_queue "$ROUTER" "$1"
}

wait_said() {
    wait_until "a line with $1" file_contains "$RUN_LOG" "$1"
}

# 8000 is bound. 8001 and 8002 are not; after the last line no other can come.
test_ports_that_nobody_bound() {
    local start printer
    printer_start 8000
    printer=$STARTED
    start=${EPOCHREALTIME/[.,]/}
    rules_start '100 divert 8000 icmp from any to any' '200 tee 8001 icmp from any to any' \
        '300 divert 8001 icmp from any to any' '400 divert 8001 icmp from any to any' \
        '500 tee 8000 icmp from any to any' '600 tee 8002 icmp from any to any'
    wait_said 'port 8002'
    expect_at_least 'milliseconds before it says anything' 5000 \
        $(((${EPOCHREALTIME/[.,]/} - start) / 1000))
    expect_contains 'rule and port' "rule 300: 'divert 8001 icmp from any to any': nobody has bound \
divert port 8001; packets to it are dropped" "$(cat "$RUN_LOG")"
    expect_contains 'a rule that copies' "rule 600: 'tee 8002 icmp from any to any': nobody has bound \
divert port 8002; copies to it are lost" "$(cat "$RUN_LOG")"
    run_stop
    expect_equal 'lines' 2 "$(grep -c '^divert-run: ' "$RUN_LOG")"
    stop "$printer"
}

# The line about 8002 shows that 8000 and 8001 have been seen bound.
test_ports_that_are_not_bound_any_more() {
    local printers=()
    printer_start 8000
    printers+=("$STARTED")
    printer_start 8001
    printers+=("$STARTED")
    rules_start 'divert 8000 icmp from any to any' 'tee 8001 icmp from any to any' \
        'divert 8002 icmp from any to any'
    wait_said 'port 8002'
    stop "${printers[0]}"
    stop "${printers[1]}"
    wait_said 'divert port 8000 any more; packets'
    wait_said 'divert port 8001 any more; copies'
    run_stop
    expect_equal 'lines' 3 "$(grep -c '^divert-run: ' "$RUN_LOG")"
}

test_listeners_that_are_missing() {
    local LISTENERS=4 sockets printer
    ns_start "$ROUTER" "$SCRATCH/log-sockets" env LD_PRELOAD="$LIBRARY" \
        DIVERTSHIM_LISTENERS=4 python3 -c '
import socket, time
sockets = []
for _ in range(3):
    s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 258)
    s.setsockopt(socket.SOL_SOCKET, 0x00010000, 1) # SO_REUSEPORT_LB
    s.bind(("0.0.0.0", 8000))
    sockets.append(s)
time.sleep(1000)'
    sockets=$STARTED
    wait_queue "$ROUTER" 8002
    rules_start 'divert 8000 icmp from any to any' 'divert 9000 icmp from any to any'
    wait_said 'nobody has bound divert port 9000'
    expect_contains 'one is missing' \
        'only 3 of the 4 listeners of divert port 8000' "$(cat "$RUN_LOG")"
    run_stop
    stop "$sockets"
    # A socket without SO_REUSEPORT_LB has all queues of its port.
    printer_start 8000
    printer=$STARTED
    rules_start 'divert 8000 icmp from any to any' 'divert 9000 icmp from any to any'
    wait_said 'port 9000'
    expect_equal 'none is missing' '' "$(grep 'port 8000' "$RUN_LOG")"
    run_stop
    stop "$printer"
}

# Root of a user namespace may not read the kernel's table. A run without rules is tested as well.
# When a run that was started after these has said its line, they would have said theirs.
test_without_access_to_the_table_of_queues() {
    local runs=() user=(setpriv --reuid=65534 --regid=65534 --clear-groups
        unshare --user --map-root-user --net)
    local command=(sh -c "while test -d '$SCRATCH' && ! test -e '$SCRATCH/said'; do sleep 0.1; done")
    mkdir -p "$SCRATCH/copy"
    cp "$DIVERT_RUN" "$LIBRARY" "$SCRATCH/copy"
    chmod -R a+rX "$SCRATCH"
    ns_start "$ROUTER" "$SCRATCH/log-no-rules" "$DIVERT_RUN" "${command[@]}"
    runs+=("$STARTED")
    : >"$SCRATCH/log-blind"
    if "${user[@]}" "$SCRATCH/copy/divert-run" -r 'divert 8000 icmp from any to any' true; then
        "${user[@]}" "$SCRATCH/copy/divert-run" -r 'divert 8000 icmp from any to any' "${command[@]}" \
            >"$SCRATCH/log-blind" 2>&1 &
        runs+=($!)
        wait_until 'its command to run' has_child "$!"
    fi
    rules_start 'divert 8001 icmp from any to any'
    wait_said 'port 8001'
    touch "$SCRATCH/said"
    wait "${runs[@]}"
    run_stop
    expect_equal 'where nothing can be seen, nothing is said' '' "$(cat "$SCRATCH/log-blind")"
    expect_equal 'without rules nothing is said' '' "$(cat "$SCRATCH/log-no-rules")"
}

# The command, beside the one that notifies divert-run of signals to the group.
has_child() {
    pgrep -P "$1" -x sh >/dev/null
}

run_tests test_ports_that_nobody_bound test_ports_that_are_not_bound_any_more \
    test_listeners_that_are_missing test_without_access_to_the_table_of_queues
finish
