#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Faults around divert-run: full disks, messages that nobody reads, unexpected signals, tools that
# fail, no memory. It reports what is wrong, and leaves no rule behind.
# shellcheck source-path=SCRIPTDIR source=../lib/built.sh
. "$(dirname "$0")/../lib/built.sh"

RULE='divert 8000 icmp from any to any'

need_divert_run
need_commands unshare prlimit
hosts_make

run_on_full_disk() {
    mkdir -p "$SCRATCH/full"
    # shellcheck disable=SC2016
    in_ns "$ROUTER" unshare --mount sh -c '
        for directory in /run "$1"; do
            mount -t tmpfs -o size=4k none "$directory" || exit 99
            cat /dev/zero >"$directory/zeros" 2>/dev/null
        done
        export TMPDIR="$1"
        shift
        exec "$@"' - "$SCRATCH/full" "$DIVERT_RUN" "${BACKEND_OPTION[@]}" "$@"
}

# iptables-legacy has a lock file in /run, which takes no space there, and so has divert-run.
test_full_disks() {
    local said
    said=$(run_on_full_disk -r "$RULE" sh -c 'exit 7' 2>&1)
    expect_equal '/run and TMPDIR are full: exit status' 7 $?
    expect_equal '/run and TMPDIR are full: what it says' '' "$said"
    expect_no_rules "$ROUTER"
}

test_full_output() {
    local what
    for what in --help --version "--check -r 'divert 8000 ip from any to any'"; do
        # shellcheck disable=SC2016
        expect_contains "$what >/dev/full" 'divert-run: standard output: No space left on device' \
            "$(eval "'$DIVERT_RUN' $what" 2>&1 >/dev/full)"
        eval "'$DIVERT_RUN' $what" >/dev/full 2>&1
        expect_equal "$what >/dev/full: exit status" 125 $?
    done
    in_ns "$ROUTER" "$DIVERT_RUN" -v "${BACKEND_OPTION[@]}" -r "$RULE" sh -c 'exit 7' >/dev/full 2>&1
    expect_equal 'messages to /dev/full: exit status' 7 $?
    expect_no_rules "$ROUTER"
    in_ns "$ROUTER" "$DIVERT_RUN" -v "${BACKEND_OPTION[@]}" -r "$RULE" sh -c 'exit 7' >&- 2>&- <&-
    expect_equal 'no standard descriptors at all: exit status' 7 $?
    expect_no_rules "$ROUTER"
}

# The reader of its messages ends first; a message then raises SIGPIPE.
test_messages_that_nobody_reads() {
    in_ns "$ROUTER" bash -c '"$@" 2> >(exec true); exit $?' - "$DIVERT_RUN" -v "${BACKEND_OPTION[@]}" \
        -r "$RULE" sh -c '(sleep 0.3) & sleep 0.2; exit 7'
    expect_equal 'nobody reads its messages: exit status' 7 $?
    expect_no_rules "$ROUTER"
}

# Signals whose default action ends a process. They are passed on to the command.
test_signals_that_nobody_expects() {
    local signal status
    for signal in PIPE ALRM VTALRM PROF IO PWR STKFLT XCPU XFSZ ABRT SEGV SYS RTMIN+3; do
        run_start "$ROUTER" 8000 "${BACKEND_OPTION[@]}" -r "$RULE" bash -c \
            'ulimit -c 0; exec "$@"' - "$EXAMPLES/printer" -p 8000
        run_stop "$signal"
        status=$?
        expect_equal "SIG$signal ends the command: exit status" $((128 + $(kill -l "$signal"))) "$status"
        expect_no_rules "$ROUTER"
    done
}

# A tool that works while the rules are installed, and then fails, for ever or for a while.
failing_tools() {
    local tool directory=$SCRATCH/failing
    mkdir -p "$directory"
    for tool in iptables-save iptables-restore ip6tables-save ip6tables-restore; do
        printf '#!/bin/sh\nif [ -e "%s/broken" ]; then echo broken >&2; exit 1; fi\nexec "%s" "$@"\n' \
            "$SCRATCH" "$(PATH=$PATH command -v "$tool")" >"$directory/$tool"
        chmod +x "$directory/$tool"
    done
    printf '%s\n' "$directory"
}

test_tools_that_fail_at_the_end() {
    local said directory
    [[ $BACKEND == iptables-* ]] || return 0
    directory=$(failing_tools)
    said=$(PATH=$directory:$PATH in_ns "$ROUTER" "$DIVERT_RUN" "${BACKEND_OPTION[@]}" -r "$RULE" \
        touch "$SCRATCH/broken" 2>&1)
    expect_equal 'rules cannot be removed: exit status' 125 $?
    rm -f "$SCRATCH/broken"
    expect_contains 'it says so' 'some rules could not be removed' "$said"
    expect_contains 'they are left' divert- "$(rules_left "$ROUTER")"
    expect_success '--cleanup' in_ns "$ROUTER" "$DIVERT_RUN" --cleanup
    expect_no_rules "$ROUTER"
}

# With less and less address space: either all works, or lack of memory is reported.
test_no_memory() {
    local kib said status alone well=0 refused=0
    for kib in 1000 2500 2700 2900 3100 3500 4000 6000 100000; do
        said=$(in_ns "$ROUTER" prlimit --as=$((kib * 1024)) \
            "$DIVERT_RUN" "${BACKEND_OPTION[@]}" -r "$RULE" sh -c 'exit 7' 2>&1)
        status=$?
        if ((status == 7)); then
            well=$((well + 1))
        else
            refused=$((refused + 1))
            # It may kill the command, as it does without divert-run.
            in_ns "$ROUTER" prlimit --as=$((kib * 1024)) env LD_PRELOAD="$LIBRARY" sh -c 'exit 7' 2>/dev/null
            alone=$?
            [[ -n $said ]] || ((status > 128 && status == alone)) ||
                not_ok "with $kib KiB" 'a message' "status $status, and not a word"
        fi
        in_ns "$ROUTER" "$DIVERT_RUN" -q --cleanup
        expect_no_rules "$ROUTER"
    done
    expect_at_least 'with much memory all goes well' 1 "$well"
    expect_at_least 'with little it is refused' 1 "$refused"
}

each_backend run_tests test_full_disks test_full_output test_messages_that_nobody_reads \
    test_signals_that_nobody_expects test_tools_that_fail_at_the_end test_no_memory
finish
