#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A NAT written for BSD, started by divert-run, translates pings, TCP and UDP.
# shellcheck source-path=SCRIPTDIR source=../lib/built.sh
. "$(dirname "$0")/../lib/built.sh"
# shellcheck source-path=SCRIPTDIR source=../lib/nat_traffic.sh
. "$(dirname "$0")/../lib/nat_traffic.sh"

need_divert_run
need_commands socat python3
need_files "$EXAMPLES/nat"
hosts_make
nat_server_start

test_nat_under_divert_run() {
    run_start "$ROUTER" 8668 "${BACKEND_OPTION[@]}" -r 'divert 8668 ip from any to any via wan0' \
        "$EXAMPLES/nat" -p 8668 -n wan0
    expect_nat_traffic
    run_stop
    expect_equal 'SIGTERM ends it with status 0' 0 $?
    expect_no_rules "$ROUTER"
}

expect_nothing_without_nat
each_backend run_tests test_nat_under_divert_run
expect_nothing_without_nat
finish
