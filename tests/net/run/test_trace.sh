#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# --trace and --pcap show what a program reads and writes, and do not disturb it.
# shellcheck source-path=SCRIPTDIR source=../lib/built.sh
. "$(dirname "$0")/../lib/built.sh"

need_divert_run
need_commands python3 setpriv tcpdump timeout mkfifo
hosts_make route-back
HERE=$(cd "$(dirname "$0")/../lib" && pwd)
WORDS=(python3 "$HERE/words.py")
RULE='100 divert 8000 udp from any to any 5002 in'
PCAP=$SCRATCH/packets
TRACE=$SCRATCH/lines

send() {
    in_ns "$CLIENT" python3 "$HERE/send_words.py" "$SERVER_ADDRESS" "$@"
}

packets() {
    python3 "$HERE/pcap.py" "${1:-$PCAP}" "${2:-1}" 2>&1
}

lines_are() {
    (($(wc -l <"$1") >= $2))
}

# expect_lines FILE LINES: waits for them; times are shown as TIME and packet ids as #N.
expect_lines() {
    wait_until "the lines of $1" lines_are "$1" "$(wc -l <<<"$2")"
    expect_equal 'the lines of the trace' "$2" \
        "$(sed -E 's/^20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z/TIME/; s/ #[0-9]+/ #N/' "$1")"
}

ENDS='10.1.0.2:4444 -> 192.0.2.2:5002 udp length 128'

# One packet for each word of words.py.
LINES="TIME 8000 read  #N in  lan0 tag 100 $ENDS
TIME 8000 write #N in  lan0 tag 100 $ENDS: goes on after rule 100
TIME 8000 write - out - tag 0 $ENDS: injected, outgoing
TIME 8000 read  #N in  lan0 tag 100 $ENDS
TIME 8000 write #N in  lan0 tag 100 $ENDS: goes on after rule 100
TIME 8000 write - in  lan0 tag 100 $ENDS: injected, incoming
TIME 8000 read  #N in  lan0 tag 100 $ENDS
TIME 8000 write #N in  lan0 tag 100 $ENDS: goes on after rule 100
TIME 8000 read  #N in  lan0 tag 100 $ENDS
TIME 8000 write #N in  lan0 tag 100 $ENDS: dropped, wrong header checksum
TIME 8000 read  #N in  lan0 tag 100 $ENDS
TIME 8000 read  #N in  lan0 tag 100 $ENDS
TIME 8000 write - out - tag 0 length 10: refused, Invalid argument"

test_lines_and_packets() {
    run_start "$ROUTER" 8000 --trace="$TRACE" --pcap "$PCAP" -r "$RULE" "${WORDS[@]}" 8000
    send out 1 in 1 rewrite 1 badsum 1 drop 1 refuse 1
    expect_lines "$TRACE" "$LINES"
    expect_equal 'the packets, read and written' "$(printf '128 %s\n' 'out 0 0' 'out 0 0' 'out 2 0' \
        'in 0 0' 'in 0 0' 'in 2 0' 'rewrite 0 0' 'rewrite 1 0' 'badsum 0 0' 'badsum 0 0' 'drop 0 0' \
        'refuse 0 0')" "$(packets)"
    expect_equal 'for their owner alone' '600 600' "$(stat -c %a "$PCAP" "$TRACE" | xargs)"
    run_stop
    expect_equal 'nothing is said' '' "$(cat "$RUN_LOG")"
    expect_equal 'what tcpdump reads' 12 "$(tcpdump -nr "$PCAP" 2>/dev/null | grep -c 'IP 10.1.0.2.4444 > 192.0.2.2.5002: UDP, length 100')"
}

# The kernel drops injected packets whose source is an address of the host.
test_martians_are_reported() {
    local receiver martian='injected, incoming; a martian, which most hosts drop'
    ns_start "$SERVER" "$SCRATCH/log-arrived" socat -u -b 100 UDP4-RECV:5002 STDOUT
    receiver=$STARTED
    wait_udp "$SERVER" 5002
    run_start "$ROUTER" 8000 --trace="$TRACE" -r "$RULE" "${WORDS[@]}" 8000
    send own 1 loop 1 in 1
    wait_until 'all lines' lines_are "$TRACE" 9
    wait_until 'the last packet' file_contains "$SCRATCH/log-arrived" 'in 2'
    expect_equal 'what is said of each that is injected' \
        "10.1.0.1:4444 $martian
127.0.0.1:4444 $martian
10.1.0.2:4444 injected, incoming" \
        "$(sed -nE 's/.* write - .* ([0-9.:]+) -> .*: (injected)/\1 \2/p' "$TRACE")"
    expect_equal 'which of them arrived' 'in 2' "$(grep -oE '(own|loop|in) 2' "$SCRATCH/log-arrived")"
    run_stop
    stop "$receiver"
}

test_bytes_are_those_that_were_sent() {
    local dump
    ns_start "$SERVER" "$SCRATCH/log-dump" timeout 60 tcpdump -U -i eth0 -c 20 -w "$SCRATCH/arrived" \
        udp port 5002
    dump=$STARTED
    wait_until 'tcpdump' file_contains "$SCRATCH/log-dump" listening
    run_start "$ROUTER" 8000 --pcap "$PCAP" -r '100 divert 8000 udp from any to any 5002 out' \
        "${WORDS[@]}" 8000
    send pass 10 rewrite 10
    wait "$dump"
    run_stop
    expect_equal 'every second one is what arrived' 20 "$(python3 - "$PCAP" "$SCRATCH/arrived" <<'END'
import struct, sys
def packets(name, order, skip):
    data, at = open(name, "rb").read(), 24
    while at < len(data):
        kept = struct.unpack(order + "I", data[at + 8 : at + 12])[0]
        yield data[at + 16 + skip : at + 16 + kept]
        at += 16 + kept
ours = list(packets(sys.argv[1], "=", 0))[1::2]
print(sum(a == b for a, b in zip(ours, packets(sys.argv[2], "=", 14))))
END
)"
}

test_standard_error() {
    DIVERTSHIM_HOLD_MS=50 run_start "$ROUTER" 8000 --trace -r "$RULE" "${WORDS[@]}" 8000
    send drop 1
    expect_lines "$RUN_LOG" "TIME 8000 read  #N in  lan0 tag 100 $ENDS
TIME 8000 drop  #N in  lan0 length 128: not written in time"
    run_stop
}

# It forks, closes all descriptors except the sockets, goes to / and gives up root.
test_trace_of_a_daemon() {
    rm -f "$PCAP"
    run_start "$ROUTER" 8000 --trace --pcap "$PCAP" -r "$RULE" "${WORDS[@]}" --daemon 8000
    send pass 1
    expect_lines "$RUN_LOG" "TIME 8000 read  #N in  lan0 tag 100 $ENDS
TIME 8000 write #N in  lan0 tag 100 $ENDS: goes on after rule 100"
    expect_equal 'its packets' $'128 pass 0 0\n128 pass 0 0' "$(packets)"
    run_stop
}

# The file belongs to the run: all its programs append to it, and the next run truncates it.
test_several_programs() {
    # shellcheck disable=SC2016
    run_start "$ROUTER" 8001 --pcap "$PCAP" --trace="$TRACE" -r "$RULE" \
        -r '200 divert 8001 udp from any to any 5002 in' \
        bash -c '"$@" 8000 & "$@" 8001 & trap "kill \$(jobs -p)" TERM; wait' - "${WORDS[@]}"
    wait_queue "$ROUTER" 8000
    send pass 5
    wait_until 'all lines' lines_are "$TRACE" 20
    run_stop
    expect_equal 'packets of both' 20 "$(packets "$PCAP" 2 | grep -c '^128 pass 0 [0-4]$')"
    expect_equal 'lines of each' '10 10' \
        "$(grep -c '^[^ ]* 8000 ' "$TRACE") $(grep -c '^[^ ]* 8001 ' "$TRACE")"
    in_ns "$ROUTER" "$DIVERT_RUN" --pcap "$PCAP" true
    expect_equal 'the next run' '' "$(packets)"
}

test_without_divert_run() {
    local i
    for i in 1 2; do
        ns_start "$ROUTER" "$SCRATCH/log-alone" env LD_PRELOAD="$LIBRARY" DIVERTSHIM_PCAP="$PCAP" \
            DIVERTSHIM_TRACE="$TRACE" "$EXAMPLES/printer" -p 8000
        wait_queue "$ROUTER" 8000
        in_ns "$ROUTER" iptables -t raw -A PREROUTING -p udp --dport 5002 -j NFQUEUE --queue-num 8000
        send pass "$i"
        wait_until 'the lines' lines_are "$TRACE" $((2 * i))
        stop "$STARTED"
        in_ns "$ROUTER" iptables -t raw -F PREROUTING
    done
    expect_equal 'each program begins anew' 4 "$(packets | grep -c 128)"
    expect_contains 'rules by hand' ": accepted" "$(tail -n 1 "$TRACE")"
}

# expect_said COUNT TEXT: a ping is answered, and divert-run or its program printed that so often.
expect_said() {
    wait_until "'$2'" file_contains "$RUN_LOG" "$2" 2>/dev/null
    expect_equal "how often it says '$2'" "$1" "$(grep -cF -e "$2" "$RUN_LOG")"
}

PINGS='100 divert 700 icmp from any to any'

# A file system of 20 pages, in the mount namespace of the run.
test_full_disk() {
    mkdir -p "$SCRATCH/small"
    RUN_LOG=$(mktemp "$SCRATCH/log-XXXXXX")
    # shellcheck disable=SC2016
    ns_start "$ROUTER" "$RUN_LOG" bash -c 'mount -t tmpfs -o size=80k none "$1" && shift && exec "$@"' - \
        "$SCRATCH/small" "$DIVERT_RUN" --pcap "$SCRATCH/small/packets" --trace="$SCRATCH/small/lines" \
        -r "$PINGS" "$EXAMPLES/printer"
    RUN_PID=$STARTED
    wait_queue "$ROUTER" 700
    expect_equal 'pings with a full disk' 60 "$(ping_replies "$CLIENT" "$SERVER_ADDRESS" 60 -s 700)"
    expect_said 1 'divertshim: DIVERTSHIM_PCAP='
    expect_said 1 'packets: No space left on device; the trace ends here, traffic goes on'
    expect_equal 'all records are whole' '' \
        "$(packets "/proc/$RUN_PID/root$SCRATCH/small/packets" | grep -v '^728$')"
    expect_at_least 'records' 40 "$(packets "/proc/$RUN_PID/root$SCRATCH/small/packets" | wc -l)"
    run_stop
}

test_file_size_limit() {
    rm -f "$PCAP"
    RUN_LOG=$(mktemp "$SCRATCH/log-XXXXXX")
    # shellcheck disable=SC2016
    ns_start "$ROUTER" "$RUN_LOG" bash -c 'ulimit -f 4; exec "$@"' - \
        "$DIVERT_RUN" --pcap "$PCAP" -r "$PINGS" "$EXAMPLES/printer"
    RUN_PID=$STARTED
    wait_queue "$ROUTER" 700
    expect_equal 'pings with a limit of 4 KiB' 10 "$(ping_replies "$CLIENT" "$SERVER_ADDRESS" 10 -s 700)"
    expect_said 1 'it may not grow further (ulimit -f); the trace ends here, traffic goes on'
    expect_equal 'as many as fit' 5 "$(packets | grep -c 728)"
    run_stop
}

test_pipes() {
    local reader
    run_start "$ROUTER" 700 --pcap >(tcpdump -lnr - >"$SCRATCH/log-read" 2>&1) -r "$PINGS" \
        "$EXAMPLES/printer"
    expect_equal 'pings into a pipe' 5 "$(ping_replies "$CLIENT" "$SERVER_ADDRESS" 5 -W 10)"
    wait_until 'what tcpdump reads from a pipe' lines_are "$SCRATCH/log-read" 41
    run_stop
    expect_equal 'packets read from a pipe' 40 "$(grep -c 'ICMP echo' "$SCRATCH/log-read")"

    rm -f "$PCAP"
    mkfifo "$PCAP"
    # shellcheck disable=SC2217
    sleep 60 <"$PCAP" &
    reader=$!
    run_start "$ROUTER" 700 --pcap "$PCAP" -r "$PINGS" "$EXAMPLES/printer"
    stop "$reader"
    expect_equal 'pings when the reader has gone' 5 "$(ping_replies "$CLIENT" "$SERVER_ADDRESS" 5 -W 10)"
    expect_said 1 'nobody reads it any more; the trace ends here, traffic goes on'
    run_stop
    expect_equal 'SIGTERM ended it, no other signal' 143 $?

    sleep 60 <>"$PCAP" &
    reader=$!
    run_start "$ROUTER" 700 --pcap "$PCAP" -r "$PINGS" "$EXAMPLES/printer"
    expect_equal 'pings past a reader that does not read' 300 \
        "$(ping_replies "$CLIENT" "$SERVER_ADDRESS" 300 -i 0.002 -s 1400 -W 10)"
    expect_said 1 'packets are missing from it: the reader is too slow'
    run_stop
    stop "$reader"
    rm -f "$PCAP"
}

# The reader of its standard error has ended.
test_standard_error_has_gone() {
    RUN_LOG=$(mktemp "$SCRATCH/log-XXXXXX")
    # shellcheck disable=SC2016
    ns_start "$ROUTER" "$RUN_LOG" bash -c 'exec "$@" 2> >(exec true)' - \
        "$DIVERT_RUN" --trace -r "$PINGS" "$EXAMPLES/printer"
    RUN_PID=$STARTED
    wait_queue "$ROUTER" 700
    expect_equal 'pings without a standard error' 5 \
        "$(ping_replies "$CLIENT" "$SERVER_ADDRESS" 5 -W 10)"
    run_stop
    expect_equal 'SIGTERM ended that, too' 143 $?
}

# refused MESSAGE FILE: the file is refused as an option's value, before anything is done.
refused() {
    local said
    said=$(in_ns "$ROUTER" "$DIVERT_RUN" --pcap "$2" -r "$PINGS" touch "$SCRATCH/ran" 2>&1)
    expect_equal "exit status with $2" 125 $?
    expect_equal "what it says of $2" "divert-run: --pcap: $2: $1" "$said"
    expect_failure 'the command was not run' test -e "$SCRATCH/ran"
}

test_files_that_cannot_be_written() {
    chmod 755 "$SCRATCH"
    mkdir -m 777 "$SCRATCH/theirs"
    echo precious >"$SCRATCH/precious"
    setpriv --reuid=65534 --regid=65534 --clear-groups ln -s "$SCRATCH/precious" "$SCRATCH/theirs/link"
    refused "it is a link of another user's" "$SCRATCH/theirs/link"
    refused 'No such file or directory' "$SCRATCH/nowhere/packets"
    refused 'Is a directory' "$SCRATCH/theirs"
    refused 'No space left on device' /dev/full
    ns_start "$ROUTER" "$SCRATCH/log-alone" env LD_PRELOAD="$LIBRARY" \
        DIVERTSHIM_PCAP="$SCRATCH/theirs/link" "$EXAMPLES/printer" -p 8000
    wait_queue "$ROUTER" 8000
    expect_contains 'the library says it too' "it is a link of another user's; there is no trace" \
        "$(cat "$SCRATCH/log-alone")"
    stop "$STARTED"
    expect_equal 'what the link points to' precious "$(cat "$SCRATCH/precious")"
    expect_no_rules "$ROUTER"
}

run_tests test_lines_and_packets test_martians_are_reported test_bytes_are_those_that_were_sent test_standard_error test_trace_of_a_daemon \
    test_several_programs test_without_divert_run test_full_disk test_file_size_limit test_pipes \
    test_standard_error_has_gone test_files_that_cannot_be_written
finish
