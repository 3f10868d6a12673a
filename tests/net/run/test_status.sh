#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# divert-run --status shows the divert sockets of its network namespace, and numbers that add up.
# shellcheck source-path=SCRIPTDIR source=../lib/built.sh
. "$(dirname "$0")/../lib/built.sh"

need_divert_run
need_commands python3 setpriv timeout
hosts_make route-back
HERE=$(cd "$(dirname "$0")/../lib" && pwd)
WORDS=(python3 "$HERE/words.py")
RULE='100 divert 8000 udp from any to any 5002 in'

send() {
    in_ns "$CLIENT" python3 "$HERE/send_words.py" "$SERVER_ADDRESS" "$@"
}

# status NS: as JSON.
status() {
    in_ns "$1" "$DIVERT_RUN" --status --json
}

# ask NS EXPRESSION: evaluates it in Python, on the list of sockets.
ask() {
    status "$1" | python3 -c 'import json, sys
sockets = json.load(sys.stdin)["sockets"]
print(eval(sys.argv[1]))' "$2" 2>&1
}

# is NS VALUE EXPRESSION: does ask give that value?
is() {
    [[ $(ask "$1" "$3") == "$2" ]]
}

# expect_status WHAT VALUE EXPRESSION: waits until it has that value, in the router.
expect_status() {
    wait_until "$1" is "$ROUTER" "$2" "$3" 2>/dev/null
    expect_equal "$1" "$2" "$(ask "$ROUTER" "$3")"
}

# The packets of both_runs have 128 bytes.
expect_count() {
    expect_status "$1" "{'packets': $2, 'bytes': $(($2 * 128))}" "sockets[0]['$1']"
}

test_without_divert_sockets() {
    expect_equal 'no socket' 'no divert sockets' "$(in_ns "$ROUTER" "$DIVERT_RUN" --status)"
    expect_equal 'no socket, for programs' '[]' "$(ask "$ROUTER" sockets)"
}

send_all_kinds() {
    ns_start "$SERVER" "$SCRATCH/arrived" socat -u -b 100 UDP4-RECV:5002 STDOUT
    RECEIVER=$STARTED
    wait_udp "$SERVER" 5002
    send out 3 in 2 pass 20 rewrite 7 badsum 4 drop 5 refuse 6
    expect_status 'all packets are read' 47 "sockets[0]['read']['packets']"
}

arrived() {
    grep -oE '(out|in|pass|rewrite) [0-9] [0-9]+ ' "$SCRATCH/arrived" | sort -u | wc -l
}

all_arrived() {
    (($(arrived) == 37))
}

test_counters() {
    DIVERTSHIM_HOLD_MS=600000 run_start "$ROUTER" 8000 -r "$RULE" -r '200 count ip from any to any' \
        "${WORDS[@]}" 8000
    send_all_kinds
    wait_until 'all that is to arrive' all_arrived
    expect_count read 47
    expect_count copies 0
    expect_count written $((3 + 3 + 2 + 2 + 20 + 7 + 4))
    expect_count matched $((3 + 2 + 20 + 7))
    expect_count injected_out 3
    expect_count injected_in 2
    expect_count bad_checksum 4
    expect_count expired 0
    expect_status 'writes refused' 6 "sockets[0]['refused']"
    expect_status 'read and not written' 11 "sockets[0]['unwritten']"
    expect_status 'nothing waits to be read' 0 "sockets[0]['unread']"
    expect_status 'the kernel dropped nothing' '0 0' \
        "'%d %d' % (sockets[0]['queue_full'], sockets[0]['buffer_full'])"
    expect_status 'its rules' "['$RULE']" "[r for r in sockets[0]['rules']]"
    expect_status 'its port, family and queue' '8000 inet 8000 1' \
        "'%(port)d %(family)s %(queue)d %(queues)d' % sockets[0]"
    expect_status 'its command' 'python3' "sockets[0]['command']"
    expect_contains 'for people' 'divert port 8000, inet: python3 (' \
        "$(in_ns "$ROUTER" "$DIVERT_RUN" --status)"
    expect_contains 'its rule, for people' "  $RULE" "$(in_ns "$ROUTER" "$DIVERT_RUN" --status)"
    run_stop
    expect_equal 'what arrived' $((3 + 3 + 2 + 2 + 20 + 7)) "$(arrived)"
    stop "$RECEIVER"
    test_without_divert_sockets
}

test_expired() {
    DIVERTSHIM_HOLD_MS=50 run_start "$ROUTER" 8000 -r "$RULE" "${WORDS[@]}" 8000
    send drop 5 pass 2
    expect_count expired 5
    expect_count matched 2
    expect_status 'nothing waits' 0 "sockets[0]['unwritten']"
    run_stop
}

# A queue of 16 packets, and 50 come.
test_full_queue() {
    DIVERTSHIM_QUEUE_LEN=16 run_start "$ROUTER" 8000 -r "$RULE" "${WORDS[@]}" --sleep 8000
    send pass 50
    expect_status 'dropped by the kernel' 34 "sockets[0]['queue_full']"
    expect_status 'waiting to be read' 16 "sockets[0]['unread']"
    expect_count read 0
    run_stop
}

test_copies() {
    run_start "$ROUTER" 8000 -r '100 tee 8000 udp from any to any 5002 in' "${WORDS[@]}" 8000
    send drop 9
    expect_count read 9
    expect_count copies 9
    expect_status 'copies need not be written' 0 "sockets[0]['unwritten']"
    run_stop
}

# Three sockets of three processes; one more is in another namespace.
test_several() {
    # shellcheck disable=SC2016
    run_start "$ROUTER" 8003 -r "$RULE" \
        bash -c '"$@" --sleep --fork 8001 8002 & "$@" 8000 & "$@" --sleep 8003 &
            trap "kill \$(jobs -p)" TERM; wait' - "${WORDS[@]}"
    ns_start "$SERVER" "$SCRATCH/log-other" env LD_PRELOAD="$LIBRARY" "${WORDS[@]}" --sleep 8009
    wait_queue "$SERVER" 8009
    send pass 3
    expect_status 'all sockets here' '[8000, 8001, 8002, 8003]' "[s['port'] for s in sockets]"
    expect_status 'how many processes have each' '[1, 2, 2, 1]' "[len(s['processes']) for s in sockets]"
    expect_status 'the pids of a parent and its child' True \
        "sockets[1]['processes'] == sockets[2]['processes'] != sockets[3]['processes']"
    expect_status 'packets of each' '[3, 0, 0, 0]' "[s['read']['packets'] for s in sockets]"
    expect_status 'rules of each' '[1, 0, 0, 0]' "[len(s['rules']) for s in sockets]"
    expect_equal 'the socket over there' '[8009]' "$(ask "$SERVER" "[s['port'] for s in sockets]")"
    stop "$STARTED"
    run_stop
}

test_listeners() {
    run_start "$ROUTER" 8003 --listeners 4 -r "$RULE" "${WORDS[@]}" 8000
    send pass 3
    expect_status 'a port with four queues' '8000 4' "'%(queue)d %(queues)d' % sockets[0]"
    expect_count matched 3
    run_stop
}

# Two sockets share a queue: of IPv4 2 of 5 packets are read, of IPv6 1 of 4.
test_both_families() {
    if ! [[ -e /proc/sys/net/ipv6 ]]; then return; fi
    ip -n "$CLIENT" address add 2001:db8:1::2/64 dev eth0 nodad
    ip -n "$ROUTER" address add 2001:db8:1::1/64 dev lan0 nodad
    DIVERTSHIM_HOLD_MS=600000 run_start "$ROUTER" 8000 -r 'divert 8000 udp from any to any 5002 in' python3 -c '
import signal, socket
sockets = [socket.socket(family, socket.SOCK_RAW, 258) for family in (socket.AF_INET, socket.AF_INET6)]
for s in sockets:
    s.bind(("", 8000))
for n, s in zip((2, 1), sockets):
    for i in range(n):
        s.recv(2000)
signal.pause()'
    send drop 5
    in_ns "$CLIENT" bash -c 'for i in 1 2 3 4; do echo x >/dev/udp/2001:db8:1::1/5002; done'
    expect_status 'sockets of both families on one port' "[('inet', 8000), ('inet6', 8000)]" \
        "sorted((s['family'], s['port']) for s in sockets)"
    expect_status 'read and not written' '[2, 1]' "[s['unwritten'] for s in sorted(sockets, key=lambda s: s['family'])]"
    expect_status 'not read, of both' '[(6, True), (6, True)]' "[(s['unread'], s['shared']) for s in sockets]"
    expect_equal 'the same, for people' '6 6' "$(in_ns "$ROUTER" "$DIVERT_RUN" --status |
        awk '/waiting to be read, both families/ { print $NF }' | xargs)"
    run_stop
}

# Escape sequences are for terminals, quotes for JSON.
test_odd_command() {
    local name=$'p\e[31m"\\\x80x'
    cp "$EXAMPLES/printer" "$SCRATCH/$name"
    run_start "$ROUTER" 700 "$SCRATCH/$name"
    expect_status 'its name, for programs' "'p\\x1b[31m\"\\\\\\ufffdx'" "ascii(sockets[0]['command'])"
    expect_contains 'its name, for people' 'p\x1b[31m"\\x80x (' "$(in_ns "$ROUTER" "$DIVERT_RUN" --status)"
    run_stop
}

# Another user has files that look like a divert socket's, and like divert-run's rules.
test_imitated_files_are_ignored() {
    local imitation
    cat >"$SCRATCH/imitate.py" <<'END'
import fcntl, os, socket, struct, time
link = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 12)
link.bind((0, 0))
good = struct.pack("=QIIQII", 0x7375746174736964, 1, 0, os.fstat(link.fileno()).st_ino, 2, 8000)
for size in range(0, 400, 8):
    for port in (0, 8000):
        fd = os.memfd_create("divertshim", os.MFD_ALLOW_SEALING)
        status = bytearray(good.ljust(size, b"\xff")[:size])
        status[12:16] = struct.pack("=I", size)
        status[28:32] = struct.pack("=I", port)
        os.write(fd, status)
fd = os.memfd_create("divertshim-rules-2", os.MFD_ALLOW_SEALING)
os.write(fd, b"run nft ab12 present\nrule 8000 666 0 - divert 8000 ip from \x1b[31m to any\nat 0 incoming 1\n8000\n\n")
fcntl.fcntl(fd, 1033, 15)
os.symlink("/memfd:divertshim (deleted)", "imitation")
print("ready", flush=True)
time.sleep(600)
END
    mkdir -p "$SCRATCH/theirs"
    chmod 755 "$SCRATCH"
    chmod 777 "$SCRATCH/theirs"
    ns_start "$ROUTER" "$SCRATCH/theirs/log" setpriv --reuid=65534 --regid=65534 --clear-groups \
        env -C "$SCRATCH/theirs" python3 "$SCRATCH/imitate.py"
    imitation=$STARTED
    wait_until 'the imitation' file_contains "$SCRATCH/theirs/log" ready || cat "$SCRATCH/theirs/log"
    expect_status 'an imitation is not shown' '[]' 'sockets'
    run_start "$ROUTER" 8000 -r "$RULE" "${WORDS[@]}" 8000
    send pass 3
    expect_count read 3
    expect_status 'only the socket is shown' '[8000]' "[s['port'] for s in sockets]"
    expect_status 'with its own rules' "['$RULE']" "sockets[0]['rules']"
    run_stop
    stop "$imitation"
}

# Root may change the contents of such a file, but not its size.
test_size_of_the_memory_is_sealed() {
    run_start "$ROUTER" 8000 "${WORDS[@]}" 8000
    expect_equal 'nobody can change the size of the memory' 'sealed, mode 600' "$(python3 - \
        "$(ask "$ROUTER" "sockets[0]['pid']")" <<'END'
import os, sys
fds = f"/proc/{sys.argv[1]}/fd"
memory = [f for f in os.listdir(fds) if os.readlink(f"{fds}/{f}").startswith("/memfd:divertshim ")]
fd = os.open(f"{fds}/{memory[0]}", os.O_RDWR)
try:
    os.ftruncate(fd, 0)
except PermissionError:
    print(f"sealed, mode {os.fstat(fd).st_mode & 0o7777:o}")
END
)"
    run_stop
}

test_refresh() {
    local lines
    run_start "$ROUTER" 8000 "${WORDS[@]}" 8000
    in_ns "$ROUTER" timeout 60 "$DIVERT_RUN" --status=0.05 --json | head -n 3 >"$SCRATCH/refreshed"
    lines=$(python3 -c 'import json, sys
times = [json.loads(line)["time"] for line in sys.stdin]
print(len(times), sorted(set(times)) == times)' <"$SCRATCH/refreshed")
    expect_equal 'an object on each line, later and later' '3 True' "$lines"
    run_stop
}

# refused STATUS MESSAGE ARGUMENT...: --status with these arguments is refused.
refused() {
    local status=$1 message=$2 said
    shift 2
    said=$(in_ns "$ROUTER" "$@" 2>&1)
    expect_equal "exit status: ${*##*/}" "$status" $?
    expect_contains "what it says: ${*##*/}" "$message" "$said"
}

test_status_refuses() {
    local copy=$SCRATCH/copy
    refused 2 'did you mean --status' "$DIVERT_RUN" --stauts
    refused 2 'did you mean --personality' "$DIVERT_RUN" --personalty freebsd
    refused 2 'unknown option (divert-run --help)' "$DIVERT_RUN" --nonsense
    refused 2 'seconds' "$DIVERT_RUN" --status=often
    refused 2 'seconds' "$DIVERT_RUN" --status=0
    refused 2 '--status=1' "$DIVERT_RUN" --status 1
    refused 2 '--status' "$DIVERT_RUN" --json true
    # shellcheck disable=SC2016
    refused 125 'No space left on device' bash -c '"$1" --status >/dev/full' - "$DIVERT_RUN"
    cp "$DIVERT_RUN" "$copy"
    chmod 755 "$SCRATCH" "$copy"
    refused 125 'shown to root' setpriv --reuid=65534 --regid=65534 --clear-groups "$copy" --status
}

run_tests test_without_divert_sockets test_counters test_expired test_full_queue test_copies test_several test_listeners \
    test_both_families test_odd_command test_imitated_files_are_ignored test_size_of_the_memory_is_sealed test_refresh test_status_refuses
finish
