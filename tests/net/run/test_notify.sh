#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# divert-run notifies a service manager, by NOTIFY_SOCKET, when its rules are installed and the program
# was started, and does not if they are wrong.
# shellcheck source-path=SCRIPTDIR source=../lib/built.sh
. "$(dirname "$0")/../lib/built.sh"

need_divert_run
need_commands socat
# shellcheck disable=SC2119
hosts_make

# manager ADDRESS: the manager's socket, by socat with that address; writes to $SCRATCH/told.
manager() {
    ns_start "$ROUTER" "$SCRATCH/told" socat -u "$1" STDOUT
    MANAGER=$STARTED
}

# has_socket NAME: is there such a UNIX socket in the router?
has_socket() {
    in_ns "$ROUTER" grep -q -F "$1" /proc/net/unix
}

# expect_told NAME
expect_told() {
    wait_until "the manager's socket" has_socket "$1"
    NOTIFY_SOCKET=$1 run_start "$ROUTER" 700 -r 'divert 700 ip4 from any to any' "$EXAMPLES/printer"
    wait_until 'the message' file_contains "$SCRATCH/told" 'READY=1'
    expect_equal "the message to $1" 'READY=1' "$(cat "$SCRATCH/told")"
    run_stop
    kill "$MANAGER"
}

test_path() {
    manager "UNIX-RECVFROM:$SCRATCH/manager"
    expect_told "$SCRATCH/manager"
}

test_abstract_name() {
    manager 'ABSTRACT-RECVFROM:divert-manager'
    expect_told '@divert-manager'
}

test_wrong_rule_is_not_ready() {
    manager "UNIX-RECV:$SCRATCH/another"
    wait_until "the manager's socket" has_socket "$SCRATCH/another"
    NOTIFY_SOCKET=$SCRATCH/another in_ns "$ROUTER" "$DIVERT_RUN" -q -r 'divert 700 ip4 from' true
    # After it, a message that must come.
    echo marker | in_ns "$ROUTER" socat -u STDIN "UNIX-SENDTO:$SCRATCH/another"
    wait_until 'the marker' file_contains "$SCRATCH/told" marker
    expect_equal 'what the manager was told' marker "$(cat "$SCRATCH/told")"
    kill "$MANAGER"
}

test_nobody_listens() {
    NOTIFY_SOCKET=$SCRATCH/none in_ns "$ROUTER" "$DIVERT_RUN" true 2>"$SCRATCH/said"
    expect_equal 'the command runs all the same' 0 $?
    expect_contains 'and it is said' "NOTIFY_SOCKET=$SCRATCH/none" "$(cat "$SCRATCH/said")"
}

run_tests test_path test_abstract_name test_wrong_rule_is_not_ready test_nobody_listens
expect_no_rules "$ROUTER"
finish
