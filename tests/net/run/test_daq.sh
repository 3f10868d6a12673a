#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Debian's daq_ipfw.so, the binary as shipped, reads both directions and gives verdicts.
# shellcheck source-path=SCRIPTDIR source=../lib/built.sh
. "$(dirname "$0")/../lib/built.sh"

need_divert_run
need_files "$DAQHOST"
hosts_make route-back

expect_as_shipped() {
    command -v dpkg >/dev/null && dpkg -s libdaq2 >/dev/null 2>&1 || return 0
    expect_equal 'daq_ipfw.so is what the package libdaq2 holds' '' "$(dpkg -V libdaq2 2>&1)"
}

# daq_start VERDICT
daq_start() {
    run_start "$ROUTER" 8000 -r 'divert 8000 icmp from any to any' \
        "$DAQHOST" -m ipfw -v port=8000 -a "$1"
}

daq_stop() {
    run_stop
    expect_equal 'SIGTERM ends it with status 0' 0 $?
    expect_no_rules "$ROUTER"
}

# Every forwarded packet meets the rule twice: coming in and going out.
test_daq_passes() {
    daq_start pass
    expect_equal 'pass: pings that come back' 20 "$(ping_replies "$CLIENT" "$SERVER_ADDRESS" 20 -W 10)"
    daq_stop
    expect_contains 'pass: it saw both directions, coming in and going out' \
        'packets=80 echo_requests=40 echo_replies=40 passed=80 blocked=0' "$(cat "$RUN_LOG")"
}

test_daq_blocks() {
    daq_start block
    expect_equal 'block: pings that come back' 0 "$(ping_replies "$CLIENT" "$SERVER_ADDRESS" 20)"
    daq_stop
    expect_contains 'block: it saw the requests come in, and nothing else' \
        'packets=20 echo_requests=20 echo_replies=0 passed=0 blocked=20' "$(cat "$RUN_LOG")"
    expect_equal 'afterwards traffic flows' 5 "$(ping_replies "$CLIENT" "$SERVER_ADDRESS" 5 -W 10)"
}

expect_as_shipped
run_tests test_daq_passes test_daq_blocks
finish
