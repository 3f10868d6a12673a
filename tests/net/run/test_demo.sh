#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# tools/demo works from a fresh checkout, and leaves nothing behind, interrupted or not.
# shellcheck source-path=SCRIPTDIR source=../lib/built.sh
. "$(dirname "$0")/../lib/built.sh"

need_divert_run
need_commands socat cmake setsid
need_files "$DAQHOST" # else the demo would install packages

copy_checkout() {
    mkdir "$SCRATCH/checkout"
    tar -C "$SOURCE" --exclude='./.git' --exclude='./build*' -cf - . | tar -C "$SCRATCH/checkout" -xf -
}

# demo_start: as on a terminal, in a process group of its own. $DEMO, $LOG.
demo_start() {
    LOG=$SCRATCH/log-demo
    : >"$LOG" # output of the last run must not be seen again
    setsid env --default-signal=INT "$SCRATCH/checkout/tools/demo" >"$LOG" 2>&1 </dev/null &
    DEMO=$!
}

demo_printed() {
    file_contains "$LOG" "$1" || process_ended "$DEMO"
}

# Programs of the checkout, which no other process uses.
processes_left() {
    local exe
    for exe in /proc/[0-9]*/exe; do
        [[ $(readlink "$exe") != "$SCRATCH/checkout/"* ]] || printf '%s ' "$exe"
    done
}

expect_nothing_left() {
    expect_equal "$1: no namespace is left" '' "$(ip netns list | grep -- "-$DEMO-")"
    expect_equal "$1: no process is left" '' "$(processes_left)"
    expect_equal "$1: the rules of this machine are as before" "$RULES_BEFORE" "$(rules_of_this_machine)"
}

rules_of_this_machine() {
    local save
    for save in iptables-save ip6tables-save; do
        $save 2>/dev/null | grep -E '^-A|^:[^ ]+ -'
    done
    nft list tables 2>/dev/null | grep divert
}

test_demo_runs_to_its_end() {
    demo_start
    wait "$DEMO"
    expect_equal 'exit status' 0 $?
    expect_contains 'it says so' 'All of it worked' "$(cat "$LOG")"
    expect_equal 'no step failed' '' "$(grep ✗ "$LOG")"
    expect_at_least 'steps that worked' 10 "$(grep -c ✓ "$LOG")"
    expect_nothing_left 'at its end'
}

# test_demo_is_interrupted WHEN TEXT TARGET: ^C goes to the process group, kill(1) to the script alone.
test_demo_is_interrupted() {
    demo_start
    DEADLINE=300 wait_until "the demo to get there" demo_printed "$2"
    kill -INT -- "${3/DEMO/$DEMO}"
    wait "$DEMO"
    expect_equal "$1: exit status" 130 $?
    expect_nothing_left "$1"
}

RULES_BEFORE=$(rules_of_this_machine)
copy_checkout
run_tests test_demo_runs_to_its_end
run_test test_demo_is_interrupted '^C while the NAT works' 'six-megabytes' -DEMO
run_test test_demo_is_interrupted '^C while daq_ipfw.so works' "-a pass" -DEMO
run_test test_demo_is_interrupted 'SIGINT to the script alone' 'six-megabytes' DEMO
run_test test_demo_is_interrupted '^C while it builds' 'building' -DEMO
finish
