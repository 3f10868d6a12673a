#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Event loops wait for divert sockets: libevent, libev, Python's, Perl's.
# shellcheck source-path=SCRIPTDIR source=../lib/built.sh
. "$(dirname "$0")/../lib/built.sh"

need_divert_run
need_commands socat
LOOPS=$SOURCE/tests/net/loops
BUILT=$BUILD/tests/loops
PACKETS=20

hosts_make route-back
in_ns "$ROUTER" iptables -t mangle -A PREROUTING -p udp --dport 5002 -j NFQUEUE --queue-num 8000
ns_start "$SERVER" "$SCRATCH/arrived" socat -u UDP4-RECV:5002 STDOUT
wait_udp "$SERVER" 5002

# send_lines NAME: sends datagrams, each when the last one has arrived.
send_lines() {
    local i
    for ((i = 1; i <= PACKETS; i++)); do
        # shellcheck disable=SC2016
        in_ns "$CLIENT" bash -c 'echo "$2" >"/dev/udp/$1/5002"' - "$SERVER_ADDRESS" "$1 $i"
        wait_until "datagram $i through $1" file_contains "$SCRATCH/arrived" "$1 $i"
    done
}

# try NAME COMMAND...: checks that the command passes on all packets, and ends by itself.
try() {
    local name=$1 log=$SCRATCH/log-$1
    shift
    ns_start "$ROUTER" "$log" env "LD_PRELOAD=$LIBRARY" "$@"
    local pid=$STARTED
    wait_queue "$ROUTER" 8000 || {
        not_ok "$name" 'a divert socket on port 8000' "$(cat "$log")"
        stop "$pid"
        return
    }
    send_lines "$name"
    wait "$pid"
    expect_equal "$name ends with status 0" 0 $?
}

# skipping WHAT WHY
skipping() {
    printf 'SKIP: %s: %s\n' "$1" "$2"
}

test_loop_of_libevent() {
    if [[ -x $BUILT/loop_event ]]; then
        try libevent-epoll "$BUILT/loop_event" 8000 "$PACKETS"
        try libevent-poll env EVENT_NOEPOLL=1 "$BUILT/loop_event" 8000 "$PACKETS"
        try libevent-select env EVENT_NOEPOLL=1 EVENT_NOPOLL=1 "$BUILT/loop_event" 8000 "$PACKETS"
        expect_contains 'libevent used epoll' 'by epoll' "$(cat "$SCRATCH/log-libevent-epoll")"
        expect_contains 'libevent used select' 'by select' "$(cat "$SCRATCH/log-libevent-select")"
    else
        skipping libevent 'it was not there when this was built (package libevent-dev)'
    fi
}

test_loop_of_libev() {
    if [[ -x $BUILT/loop_ev ]]; then
        try libev-select env LIBEV_FLAGS=1 "$BUILT/loop_ev" 8000 "$PACKETS"
        try libev-poll env LIBEV_FLAGS=2 "$BUILT/loop_ev" 8000 "$PACKETS"
        try libev-epoll env LIBEV_FLAGS=4 "$BUILT/loop_ev" 8000 "$PACKETS"
    else
        skipping libev 'it was not there when this was built (package libev-dev)'
    fi
}

test_loop_of_python() {
    if command -v python3 >/dev/null; then
        try asyncio python3 "$LOOPS/loop_asyncio.py" 8000 "$PACKETS"
        for selector in EpollSelector PollSelector SelectSelector; do
            try "$selector" python3 "$LOOPS/loop_selectors.py" 8000 "$PACKETS" "$selector"
        done
    else
        skipping 'asyncio and selectors' 'no command python3'
    fi
}

test_loop_of_perl() {
    if command -v perl >/dev/null && perl -MIO::Select -e 1 2>/dev/null; then
        try IO::Select perl "$LOOPS/loop_select.pl" 8000 "$PACKETS"
    else
        skipping 'IO::Select' 'no perl, or not with this module'
    fi
}

run_tests test_loop_of_libevent test_loop_of_libev test_loop_of_python test_loop_of_perl
skipping libkqueue 'Debian 12 has no package of it'
finish
