#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Hostile environments and users: invalid values of variables, programs that would not load the
# library, memory that another user has prepared.
# shellcheck source-path=SCRIPTDIR source=../lib/built.sh
. "$(dirname "$0")/../lib/built.sh"

need_divert_run
need_commands python3 perl setpriv setcap
ns_add "$ROUTER"
GOOD='divert 8000 icmp from any to any'
NOBODY=65534
USER=(setpriv "--reuid=$NOBODY" "--regid=$NOBODY" --clear-groups)

# open_socket VARIABLE=VALUE...: prints the library's messages, and the error of socket().
open_socket() {
    # shellcheck disable=SC2016
    in_ns "$ROUTER" env "$@" "LD_PRELOAD=$LIBRARY" perl -e '
        print socket(my $s, 2, 3, 258) ? "a socket\n" : "error " . ($! + 0) . "\n"' 2>&1
}

# expect_invalid NAME VALUE
expect_invalid() {
    local said
    said=$(open_socket "DIVERTSHIM_$1=$2")
    expect_contains "$1=<$2>: what is wrong" "divertshim: DIVERTSHIM_$1=" "$said"
    expect_contains "$1=<$2>: what is expected" ': expected ' "${said%%$'\n'*}"
    expect_equal "$1=<$2>: one line, and the error of socket()" 'error 22' "${said#*$'\n'}"
}

test_invalid_values_are_refused() {
    local name value
    for name in BATCH GSO HOLD_MS KEEP_CAPS LISTENERS LOG MARK_MASK PERSONALITY QUEUE_LEN \
        TAGS TAG_BASE TAG_LAST; do
        for value in nonsense -1 ' 1' '1 ' ' -18446744073709551615' 99999999999999999999999 0x1ffffffff \
            1e3 $'1\x1b[2J' "\$(id)" "$(printf '%0600d' 1)x"; do
            expect_invalid "$name" "$value"
        done
        expect_equal "$name=<>: as if it were not there" 'a socket' "$(open_socket "DIVERTSHIM_$name=")"
    done
    expect_invalid MARK_MASK 0
    expect_invalid MARK_MASK 0xff00ff00
    expect_invalid LISTENERS 0
    expect_contains 'tags that cross' 'TAG_LAST=400' "$(open_socket DIVERTSHIM_TAG_BASE=500 DIVERTSHIM_TAG_LAST=400)"
}

# A program that changes the file of its descriptor 2.
write_renumberer() {
    cat >"$SCRATCH/renumberer.py" <<'END'
import ctypes, os, socket, subprocess, sys

libc = ctypes.CDLL(None)
name = sys.argv[2]


def new_file():
    return os.open(name, os.O_RDWR | os.O_CREAT | os.O_TRUNC)


def opened():
    os.close(2)
    opened_at_the_start()


def opened_after_exec():
    os.close(2)
    os.execv(sys.executable, [sys.executable, sys.argv[0], "number 2 at the start", name])


def opened_at_the_start():
    if new_file() != 2:
        print("the new file has another number")


def connected():
    os.close(2)
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)


def reopened():
    libc.freopen.restype = ctypes.c_void_p
    stream = ctypes.c_void_p.in_dll(libc, "stderr")
    libc.freopen(name.encode(), b"w", stream)


def copied(call=os.dup2):
    fd = new_file()
    call(fd, 2)
    os.close(fd)


def copied_after_close():
    os.close(2)
    os.dup2(new_file(), 2)


def copied_and_vforked():
    copied()
    subprocess.run(["true"], stderr=subprocess.DEVNULL, close_fds=False)


def copied_by_a_child():
    if os.fork() == 0:
        copied()
        os._exit(0)
    os.wait()
    os.truncate(name, 0)
    opened()


kept = {
    "open": opened,
    "socket": connected,
    "freopen": reopened,
    "dup2": copied,
    "dup3": lambda: copied(lambda fd, new: libc.dup3(fd, new, os.O_CLOEXEC)),
    "close and dup2": copied_after_close,
    "dup2 and vfork": copied_and_vforked,
    "dup2 in a child": copied_by_a_child,
    "exec": opened_after_exec,
    "number 2 at the start": opened_at_the_start,
}[sys.argv[1]]()
s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 258)
try:
    s.sendto(b"no packet", ("0.0.0.0", 0))
except OSError:
    pass
if sys.argv[1] == "socket":
    kept[1].setblocking(False)
    try:
        print(kept[1].recv(1000))
    except BlockingIOError:
        print("nothing")
END
}

# renumber HOW: what the library writes to that file: a line of a trace, and a message.
renumber() {
    local trace
    for trace in 1 /none/such; do
        rm -f "$SCRATCH/new-error"
        in_ns "$ROUTER" env "DIVERTSHIM_TRACE=$trace" "LD_PRELOAD=$LIBRARY" \
            python3 "$SCRATCH/renumberer.py" "$1" "$SCRATCH/new-error"
        sed -E 's/^20.* 0 write /a line of the trace: /; s/^divertshim: .*/a message/' "$SCRATCH/new-error"
    done
}

test_messages_follow_the_standard_error() {
    local said=$'a line of the trace: - out - tag 0 length 9: refused, Invalid argument\na message' how
    write_renumberer
    for how in dup2 dup3 freopen 'close and dup2' 'dup2 and vfork'; do
        expect_equal "$how" "$said" "$(renumber "$how" 2>&1)"
    done
    expect_equal 'a file that got the number' '' "$(renumber open 2>&1)"
    expect_equal 'and that a child had as standard error' '' "$(renumber 'dup2 in a child' 2>&1)"
    expect_equal 'a socket that got the number' $'nothing\nnothing' "$(renumber socket 2>&1 | grep -v '^sed:')"
    expect_equal 'closed at the start' '' "$(renumber exec 2>&1)"
}

# expect_no_start WHAT MESSAGE COMMAND...: divert-run refuses a program that would not load the library.
expect_no_start() {
    local what=$1 message=$2 error
    shift 2
    error=$(in_ns "$ROUTER" "$@" 2>&1)
    expect_equal "$what: exit status" 126 $?
    expect_contains "$what: what it says" "$message" "$error"
    expect_no_rules "$ROUTER"
}

# The build may lie where only root can read it.
make_copies() {
    chmod 755 "$SCRATCH"
    cp "$DIVERT_RUN" "$LIBRARY" "$SCRATCH"
    cp "$(readlink -f /bin/touch)" "$SCRATCH/program"
    printf '#!%s\n' "$SCRATCH/program" >"$SCRATCH/script"
    chmod 755 "$SCRATCH"/{divert-run,libdivertshim.so,program,script}
}

test_privileged_programs_are_refused() {
    local run=("$SCRATCH/divert-run" -r "$GOOD" --)
    chown "$NOBODY" "$SCRATCH/program"
    chmod 4755 "$SCRATCH/program"
    expect_no_start 'a set-uid program' 'set-uid' "${run[@]}" "$SCRATCH/program" "$SCRATCH/ran"
    expect_no_start 'a script of a set-uid program' 'set-uid' "${run[@]}" "$SCRATCH/script"
    chown 0:"$NOBODY" "$SCRATCH/program"
    chmod 2755 "$SCRATCH/program"
    expect_no_start 'a set-gid program' 'set-gid' "${run[@]}" "$SCRATCH/program" "$SCRATCH/ran"
    chmod 755 "$SCRATCH/program"
    setcap cap_net_raw+ep "$SCRATCH/program"
    expect_no_start 'a program with file capabilities' 'given capabilities' \
        "${USER[@]}" --inh-caps=+net_admin,+net_raw --ambient-caps=+net_admin,+net_raw \
        "${run[@]}" "$SCRATCH/program" "$SCRATCH/ran"
    expect_failure 'none of them was run' test -e "$SCRATCH/ran"
}

test_setuid_divert_run_is_refused() {
    local error
    chmod 4755 "$SCRATCH/divert-run"
    error=$(in_ns "$ROUTER" "${USER[@]}" env "DIVERTSHIM_LIBRARY=$LIBRARY" "$SCRATCH/divert-run" -r "$GOOD" -- \
        touch "$SCRATCH/ran" 2>&1)
    expect_equal 'divert-run as a set-uid program: exit status' 125 $?
    expect_contains 'divert-run as a set-uid program: what it says' 'must not be set-uid' "$error"
    expect_failure 'it runs nothing' test -e "$SCRATCH/ran"
    chmod 755 "$SCRATCH/divert-run"
}

# A program that forges what a divert socket leaves to the next program over exec, and executes one.
write_forger() {
    cat >"$SCRATCH/forger.py" <<'END'
import fcntl, os, select, socket, sys

def ours(s):
    for fd in os.listdir("/proc/self/fd"):
        try:
            if "memfd:divertshim" in os.readlink("/proc/self/fd/" + fd):
                return int(fd)
        except OSError:
            pass

s = socket.socket(socket.AF_INET, socket.SOCK_RAW, 258)
real = ours(s)
st = os.stat("/proc/self/fd/%d" % real)
if sys.argv[1] == "look":
    seals = fcntl.fcntl(os.open("/proc/self/fd/%d" % real, os.O_RDONLY), fcntl.F_GET_SEALS)
    print("mode %o owner %d seals %x" % (st.st_mode & 0o777, st.st_uid, seals))
    sys.stdout.flush()
    sys.stdin.read()
    sys.exit()
with open("/proc/self/fd/%d" % real, "rb") as f:
    head = f.read(4096)
s.close()
os.seteuid(int(sys.argv[1]))
memory = os.memfd_create("divertshim", os.MFD_ALLOW_SEALING)
os.seteuid(0)
os.truncate(memory, st.st_size)
os.pwrite(memory, head, 0)
if sys.argv[2] == "sealed":
    fcntl.fcntl(memory, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
event = os.eventfd(0)
epoll = select.epoll()
for fd in (epoll.fileno(), netlink.fileno(), event, memory):
    os.set_inheritable(fd, True)
os.environ["DIVERTSHIM_INHERIT"] = "%d:%d:%d:%d:-1:-1," % (epoll.fileno(), netlink.fileno(), event, memory)
os.execlp("python3", "python3", "-c", "import os; print(os.environ.get('DIVERTSHIM_INHERIT', 'taken out'))")
END
}

# forge OWNER SEALS: prints the messages of the next program's library.
forge() {
    in_ns "$ROUTER" env "LD_PRELOAD=$LIBRARY" python3 "$SCRATCH/forger.py" "$@" 2>&1
}

test_forged_memory() {
    local others
    expect_equal "memory of the user's own is taken over" 'taken out' "$(forge 0 sealed)"
    others=$(forge "$NOBODY" sealed)
    expect_contains "memory of another user's is not" 'cannot be used' "$others"
    expect_contains 'and the variable is taken out all the same' 'taken out' "$others"
    expect_contains 'memory that can be cut off is not' 'cannot be used' "$(forge 0 open)"
}

test_memory_of_a_socket() {
    local look pid fd
    mkfifo "$SCRATCH/hold"
    ns_start "$ROUTER" "$SCRATCH/log-look" sh -c "exec env LD_PRELOAD=$LIBRARY python3 $SCRATCH/forger.py look <$SCRATCH/hold"
    pid=$STARTED
    exec 9>"$SCRATCH/hold"
    wait_until 'the socket' file_contains "$SCRATCH/log-look" mode
    look=$(cat "$SCRATCH/log-look")
    expect_equal 'its memory is its own, and keeps its size' 'mode 600 owner 0 seals 7' "$look"
    fd=$(find "/proc/$pid/fd" -lname '*memfd:divertshim*' -printf '%f\n' | head -n 1)
    expect_success 'root finds it' test -n "$fd"
    expect_failure 'another user does not get at it' "${USER[@]}" head -c 1 "/proc/$pid/fd/$fd"
    exec 9>&-
    wait "$pid"
}

make_copies
write_forger
run_tests test_invalid_values_are_refused test_messages_follow_the_standard_error test_privileged_programs_are_refused test_setuid_divert_run_is_refused test_forged_memory test_memory_of_a_socket
finish
