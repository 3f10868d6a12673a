#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# However divert-run ends, it leaves no rule behind, and its exit status says how it ended.
# shellcheck source-path=SCRIPTDIR source=../lib/built.sh
. "$(dirname "$0")/../lib/built.sh"

RULE='divert 8000 icmp from any to any'

need_divert_run
need_commands python3 ps
need_files "$EXAMPLES/nat" "$EXAMPLES/drop"
hosts_make route-back

# expect_end WHAT STATUS GOT
expect_end() {
    expect_equal "exit status: $1" "$2" "$3"
    expect_no_rules "$ROUTER"
}

# status_of ARGUMENT...: the exit status of divert-run with a rule, in the foreground.
status_of() {
    in_ns "$ROUTER" "$DIVERT_RUN" "${BACKEND_OPTION[@]}" -r "$RULE" -- "$@" >"$SCRATCH/log-status" 2>&1
    echo $?
}

test_the_commands_own_end() {
    expect_end 'the command ends with 0' 0 "$(status_of true)"
    expect_end 'the command ends with 7' 7 "$(status_of sh -c 'exit 7')"
    expect_end 'the command dies of TERM' 143 "$(status_of sh -c 'kill -TERM $$')"
    expect_end 'the command dies of KILL' 137 "$(status_of sh -c 'kill -KILL $$')"
    expect_end 'the command dies of SEGV' 139 "$(status_of sh -c 'ulimit -c 0; kill -SEGV $$')"
}

# A caller that ignores SIGCHLD: its command inherits that.
test_sigchld_is_ignored() {
    local ignored=(env --ignore-signal=CHLD) said
    in_ns "$ROUTER" "${ignored[@]}" "$DIVERT_RUN" "${BACKEND_OPTION[@]}" -r "$RULE" -- sh -c 'exit 7' \
        >"$SCRATCH/log-ignored" 2>&1
    expect_end 'SIGCHLD is ignored, the command ends with 7' 7 $?
    in_ns "$ROUTER" "${ignored[@]}" "$DIVERT_RUN" -- sh -c 'exit 7'
    expect_end 'SIGCHLD is ignored and there is no rule' 7 $?
    said=$(in_ns "$ROUTER" "${ignored[@]}" "$DIVERT_RUN" -- grep SigIgn /proc/self/status)
    expect_equal 'the command ignores it, too' "$("${ignored[@]}" grep SigIgn /proc/self/status)" "$said"
}

test_no_start() {
    echo true >"$SCRATCH/plain-file"
    expect_end 'no such command' 127 "$(status_of no-such-command-anywhere)"
    expect_contains 'its name is in the message' no-such-command-anywhere "$(cat "$SCRATCH/log-status")"
    expect_end 'no such path' 127 "$(status_of "$SCRATCH/nowhere")"
    expect_end 'not executable' 126 "$(status_of "$SCRATCH/plain-file")"
    expect_contains 'its name is in the message' "$SCRATCH/plain-file" "$(cat "$SCRATCH/log-status")"
    expect_end 'a directory' 126 "$(status_of "$SCRATCH/")"
    in_ns "$ROUTER" "$DIVERT_RUN" -r 'divert 8000 icmp from any too any' true 2>/dev/null
    expect_end 'a refused rule' 2 $?
    in_ns "$ROUTER" "$DIVERT_RUN" -r "$RULE" 2>/dev/null
    expect_end 'no command' 2 $?
}

# A command that catches the signal and one that does not.
test_signals() {
    local signal number status
    for signal in TERM INT; do
        run_start "$ROUTER" 8000 "${BACKEND_OPTION[@]}" -r "$RULE" "$EXAMPLES/printer" -p 8000
        run_stop "$signal"
        status=$?
        number=$(kill -l "$signal")
        expect_end "SIG$signal, and the command dies of it" $((128 + number)) "$status"
        run_start "$ROUTER" 8000 "${BACKEND_OPTION[@]}" -r "$RULE" "$EXAMPLES/drop" -p 8000 x
        run_stop "$signal"
        expect_end "SIG$signal, and the command ends in order" 0 $?
    done
}

# The command itself is killed, not divert-run.
test_command_is_killed() {
    run_start "$ROUTER" 8000 "${BACKEND_OPTION[@]}" -r "$RULE" "$EXAMPLES/printer" -p 8000
    kill -KILL "$(run_command_pid)"
    wait "$RUN_PID"
    expect_end 'somebody kills the command' 137 $?
}

# on_terminal KEY COMMAND...: on a terminal of its own; KEY is typed when port 8000 is bound.
on_terminal() {
    python3 -c '
import os, pty, sys, time
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[3], sys.argv[3:])
def bound():
    with open("/proc/%d/net/netfilter/nfnetlink_queue" % pid) as queues:
        return any(line.split()[0] == "8000" for line in queues)
end = time.monotonic() + float(sys.argv[1])
while not bound() and time.monotonic() < end:
    time.sleep(0.02)
os.write(terminal, sys.argv[2].encode())
try:
    while os.read(terminal, 1000):
        pass
except OSError: # the other side is closed
    pass
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))' "$DEADLINE" "$@"
}

test_terminal() {
    local run=(ip netns exec "$ROUTER" "$DIVERT_RUN" "${BACKEND_OPTION[@]}" -r "$RULE")
    expect_end '^C, and the command dies of it' 130 \
        "$(on_terminal $'\x03' "${run[@]}" "$EXAMPLES/printer" -p 8000)"
    expect_end '^C, and the command ends in order' 0 \
        "$(on_terminal $'\x03' "${run[@]}" "$EXAMPLES/drop" -p 8000 x)"
    expect_end 'the QUIT key' 131 "$(on_terminal $'\x1c' "${run[@]}" "$EXAMPLES/printer" -p 8000)"
}

# It has a session of its own, and is the only child.
daemon_is_alone() {
    local pids
    mapfile -t pids < <(run_command_pid)
    [[ ${#pids[@]} == 1 && $(ps -o sid= "${pids[0]}") -ne $(ps -o sid= "$RUN_PID") ]]
}

# nat -b: the command ends at once, its daemon stays.
daemon_start() {
    run_start "$ROUTER" 8000 "${BACKEND_OPTION[@]}" -r "$RULE" "$EXAMPLES/nat" -b -p 8000 -n wan0
    wait_until 'the daemon to be alone' daemon_is_alone
    expect_equal 'the NAT works in the background' 3 "$(ping_replies "$CLIENT" "$SERVER_ADDRESS" 3 -W 10)"
    expect_contains 'the rules stay with it' divert- "$(rules_left "$ROUTER")"
}

test_command_that_becomes_a_daemon() {
    daemon_start
    kill -TERM "$(run_command_pid)"
    wait "$RUN_PID"
    expect_end 'the daemon ends' 0 $?
    daemon_start
    run_stop
    expect_end 'SIGTERM reaches the daemon' 0 $?
    expect_equal 'no process is left in the router' '' "$(ip netns pids "$ROUTER")"
}

# The rules of a killed divert-run, which could not remove them: nft's vanish by themselves.
test_killed_divert_run() {
    run_start "$ROUTER" 8000 "${BACKEND_OPTION[@]}" -r "$RULE" "$EXAMPLES/printer" -p 8000
    end_by_kill
}

end_by_kill() {
    stop "$RUN_PID" KILL
    if [[ $BACKEND == nft ]]; then
        expect_no_rules "$ROUTER"
    else
        expect_contains 'SIGKILL leaves rules' divert- "$(rules_left "$ROUTER")"
    fi
    ns_signal "$ROUTER" KILL
    expect_success 'divert-run --cleanup' in_ns "$ROUTER" "$DIVERT_RUN" --cleanup
    expect_no_rules "$ROUTER"
}

# Nor may divert-run take a netlink socket that its caller left open for that of libnftables.
test_killed_divert_run_that_inherited_a_netlink_socket() {
    local original=$DIVERT_RUN
    local DIVERT_RUN=$SCRATCH/with-netlink-socket
    cat >"$DIVERT_RUN" <<END
#!/usr/bin/env python3
import os, socket, sys
netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)  # NETLINK_NETFILTER
os.dup2(netlink.fileno(), 200)
os.execv("$original", sys.argv)
END
    chmod 755 "$DIVERT_RUN"
    run_start "$ROUTER" 8000 "${BACKEND_OPTION[@]}" -r "$RULE" "$EXAMPLES/printer" -p 8000
    expect_success 'the command inherits it, too' test -e "/proc/$(run_command_pid)/fd/200"
    DIVERT_RUN=$original
    end_by_kill
}

each_backend run_tests test_the_commands_own_end test_sigchld_is_ignored test_no_start test_signals test_command_is_killed test_terminal \
    test_command_that_becomes_a_daemon test_killed_divert_run test_killed_divert_run_that_inherited_a_netlink_socket
expect_equal 'traffic flows' 3 "$(ping_replies "$CLIENT" "$SERVER_ADDRESS" 3 -W 10)"
finish
