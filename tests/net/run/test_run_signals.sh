#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Every signal reaches the command once, whether divert-run alone gets it or the whole process
# group; and the command is a job of the shell as without divert-run.
# shellcheck source-path=SCRIPTDIR source=../lib/built.sh
. "$(dirname "$0")/../lib/built.sh"

need_commands python3 setsid pgrep pkill
need_files "$DIVERT_RUN" "$LIBRARY"
scratch_directory SCRATCH
COUNTER=(python3 "$SOURCE/tests/net/lib/count_signals.py")

# counter_start COMMAND...: starts divert-run with it, in its own process group; $RUN_PID, $RUN_LOG.
counter_start() {
    RUN_LOG=$(mktemp "$SCRATCH/log-XXXXXX")
    setsid "$DIVERT_RUN" -- "$@" >"$RUN_LOG" 2>&1 </dev/null &
    RUN_PID=$!
    wait_until 'the counter to start' file_contains "$RUN_LOG" ready
}

# count SIGNAL LOG: how often a counter has got it.
count() {
    grep -c -x "SIG$1" "$2"
}

counted() {
    (($(count "$1" "$2") >= $3))
}

# wait_counted SIGNAL NUMBER [LOG]
wait_counted() {
    wait_until "signal $1, $2 times" counted "$1" "${3:-$RUN_LOG}" "$2"
}

# wait_marker [LOG]: sends divert-run alone a signal of a higher number, which arrives after all that it
# passes on; then divert-run has taken all that the group got.
wait_marker() {
    local log=${1:-$RUN_LOG} before
    before=$(count 34 "$log")
    kill -RTMIN "$RUN_PID"
    wait_counted 34 $((before + 1)) "$log"
}

counter_stop() {
    run_stop RTMIN+1
    expect_equal 'exit status' 0 $?
    expect_equal 'nothing is left of it' '' "$(pgrep -s "$RUN_PID")"
}

# expect_counts NUMBER WHAT: of each signal.
expect_counts() {
    local signal
    for signal in TERM USR1 HUP CONT; do
        expect_equal "SIG$signal $2" "$1" "$(count "$signal" "$RUN_LOG")"
    done
}

test_signals_to_the_group() {
    local signal number
    counter_start "${COUNTER[@]}"
    for signal in TERM USR1 HUP CONT; do
        for number in 1 2 3 4 5 6 7 8 9 10; do
            kill -s "$signal" -- "-$RUN_PID"
            wait_counted "$signal" "$number"
        done
    done
    wait_marker
    expect_counts 10 'ten times to the group'
    counter_stop
}

test_signals_to_divert_run() {
    local signal
    counter_start "${COUNTER[@]}"
    for signal in TERM USR1 HUP CONT; do
        kill -s "$signal" "$RUN_PID"
        wait_counted "$signal" 1
        kill -s "$signal" -- "-$RUN_PID"
        wait_counted "$signal" 2
    done
    kill -RTMIN+2 "$RUN_PID"
    kill -RTMIN+2 "$RUN_PID"
    wait_counted 36 2
    wait_marker
    expect_counts 2 'to divert-run, and to the group'
    counter_stop
}

# timeout(1) sends its signal to its child and then to the group.
test_signals_to_both() {
    local rounds=5 once=0
    while ((rounds-- > 0)); do
        counter_start "${COUNTER[@]}"
        kill -TERM "$RUN_PID" "-$RUN_PID"
        wait_counted TERM 1
        wait_marker
        (($(count TERM "$RUN_LOG") == 1)) && once=$((once + 1))
        counter_stop
    done
    expect_at_least 'rounds in which SIGTERM to divert-run and to its group came once' 1 "$once"
}

# By name (pkill), only divert-run itself is found: the command gets the signal once.
test_signals_by_name() {
    counter_start "${COUNTER[@]}"
    pkill -USR1 -s "$RUN_PID" -f "^$DIVERT_RUN"
    wait_counted USR1 1
    pkill -USR1 -s "$RUN_PID" -x divert-run
    wait_counted USR1 2
    wait_marker
    expect_equal 'SIGUSR1 by name' 2 "$(count USR1 "$RUN_LOG")"
    counter_stop
}

# One that stays in the group, and one that leaves it.
test_signals_to_descendants() {
    local other=$SCRATCH/log-other number=0 send
    # shellcheck disable=SC2016
    counter_start sh -c 'setsid "$@" >"$0" & "$@" & echo the end' "$other" "${COUNTER[@]}"
    wait_until 'the other counter to start' file_contains "$other" ready
    wait_until 'the end of the command' file_contains "$RUN_LOG" 'the end'
    wait_until 'divert-run to have seen it' command_has_ended
    for send in "-$RUN_PID" "$RUN_PID" "-$RUN_PID" "$RUN_PID"; do
        kill -USR1 -- "$send"
        number=$((number + 1))
        wait_counted USR1 "$number"
        wait_counted USR1 "$number" "$other"
        wait_marker
        wait_marker "$other"
    done
    expect_equal 'SIGUSR1, to what the command left in the group' 4 "$(count USR1 "$RUN_LOG")"
    expect_equal 'SIGUSR1, to what it left in a session of its own' 4 "$(count USR1 "$other")"
    counter_stop
}

command_has_ended() {
    [[ -z $(pgrep -P "$RUN_PID" -x sh) ]]
}

# After SIGSTOP to all, the process that watches for group signals may stay stopped.
test_signals_while_others_are_stopped() {
    counter_start "${COUNTER[@]}"
    kill -STOP -- "-$RUN_PID"
    kill -CONT "$RUN_PID" "$(run_command_pid)"
    kill -USR1 "$RUN_PID"
    wait_counted USR1 1
    kill -USR1 -- "-$RUN_PID"
    wait_counted USR1 2
    wait_marker
    expect_equal 'SIGUSR1 after SIGSTOP' 2 "$(count USR1 "$RUN_LOG")"
    counter_stop
}

test_kill() {
    counter_start "${COUNTER[@]}"
    kill -KILL "$RUN_PID" "$(run_command_pid)"
    wait "$RUN_PID"
    wait_until 'the end of all' session_is_empty
    expect_equal 'nothing is left after SIGKILL' 0 $?
}

# It may stay a zombie for a while, if no process reaps it.
session_is_empty() {
    [[ -z $(pgrep -s "$RUN_PID" --runstates R,S,D,T) ]]
}

# expect_job WHAT RESULTS MODE STEP...
expect_job() {
    local what=$1 results=$2
    shift 2
    # shellcheck disable=SC2016
    expect_equal "$what" "$results" "$(python3 "$SOURCE/tests/net/lib/terminal_job.py" \
        "$DEADLINE" "$@" -- "$DIVERT_RUN" -- sh -c 'echo ready; read word; echo "<$word>"' | paste -s -d' ')"
}

test_jobs() {
    expect_job '^Z, fg, and on it goes' 'saw stopped by SIGTSTP saw exit 0' \
        foreground saw:ready type:$'\x1a' stopped fg type:$'hello\n' 'saw:<hello>' end
    expect_job '^Z, fg, ^C' 'saw stopped by SIGTSTP exit 130' \
        foreground saw:ready type:$'\x1a' stopped fg type:$'\x03' end
    expect_job 'it reads in the background, fg' 'saw stopped by SIGTTIN saw exit 0' \
        background saw:ready stopped fg type:$'hello\n' 'saw:<hello>' end
    expect_job '^Z without a shell that could continue it' 'saw saw exit 0' \
        leader saw:ready type:$'\x1a' type:$'hello\n' 'saw:<hello>' end
}

run_tests test_signals_to_the_group test_signals_to_divert_run test_signals_to_both \
    test_signals_by_name test_signals_to_descendants test_signals_while_others_are_stopped test_kill test_jobs
finish
