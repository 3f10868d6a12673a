#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Shell scripts that make rules by ipfw, like FreeBSD's rule sets.
# shellcheck source-path=SCRIPTDIR source=../lib/built.sh
. "$(dirname "$0")/../lib/built.sh"

need_divert_run
need_commands setpriv socat
hosts_make route-back

# script_make NAME LINE...: a script in $SCRATCH, without an interpreter.
script_make() {
    local name=$1
    shift
    printf '%s\n' "$@" >"$SCRATCH/$name"
}

script_start() {
    run_start "$ROUTER" 8000 "${BACKEND_OPTION[@]}" --ipfw-script "$SCRATCH/$1" "${@:2}" \
        -- "$EXAMPLES/printer" -p 8000
}

script_stop() {
    run_stop
    expect_no_rules "$ROUTER"
}

# check_script ARGUMENT...: the rules that divert-run gets from a script; both outputs are in $CHECKED.
check_script() {
    CHECKED=$("$DIVERT_RUN" --check --ipfw-script "$@" -- none 2>&1)
}

no_place_is_left() {
    # shellcheck disable=SC2010
    ! ls "${TMPDIR:-/tmp}" | grep -q '^divert-run-'
}

# expect_refused_script WHAT MESSAGE NAME: it is refused, and nothing is left of it.
expect_refused_script() {
    local error
    error=$(in_ns "$ROUTER" "$DIVERT_RUN" --ipfw-script "$SCRATCH/$3" -- touch "$SCRATCH/ran" 2>&1)
    expect_equal "$1: exit status" 2 $?
    expect_contains "$1: what it says" "$2" "$error"
    expect_failure "$1: the command was not run" test -e "$SCRATCH/ran"
    expect_no_rules "$ROUTER"
    expect_success "$1: no directory is left" no_place_is_left
}

# ---- with packets ----

test_script_makes_rules() {
    # shellcheck disable=SC2016
    script_make rules 'fwcmd="/sbin/ipfw -q"' 'oif=$1' '${fwcmd} -f flush' 'cmd="ipfw -q add"' \
        'ipfw -q table 1 create' 'for net in 10.1.0.0/24 10.7.0.0/16; do ipfw -q table 1 add $net; done' \
        '$cmd 100 divert 8000 icmp from "table(1)" to any in recv lan0' \
        '$cmd 200 deny icmp from any to me in recv $oif' \
        '/sbin/ipfw add 65000 allow ip from any to any'
    script_start rules wan0
    expect_equal 'pings that are diverted' 2 "$(ping_replies "$CLIENT" "$LAN_ADDRESS" 2 -W 10)"
    expect_equal 'pings that are denied' 0 "$(ping_replies "$SERVER" "$WAN_ADDRESS" 2 -W 1)"
    expect_equal 'packets that were diverted' 2 "$(printed "$RUN_LOG")"
    expect_contains 'what ipfw prints' '65000 allow ip from any to any' "$(cat "$RUN_LOG")"
    script_stop
}

test_script_denies_by_default() {
    script_make rules 'ipfw add divert 8000 icmp from any to me in recv lan0' \
        'ipfw add allow icmp from any to any via lan0'
    script_start rules
    expect_equal 'what a rule allows' 2 "$(ping_replies "$CLIENT" "$LAN_ADDRESS" 2 -W 10)"
    expect_equal 'what no rule decides' 0 "$(ping_replies "$SERVER" "$WAN_ADDRESS" 2 -W 1)"
    script_stop
}

# ---- what is refused ----

test_refused_scripts() {
    script_make bad 'ipfw -q add 100 allow ip from any to any' 'ipfw add 200 allow ip from any too any 2>/dev/null' \
        'ipfw add 300 frobnicate ip from any to any || true'
    expect_refused_script 'a rule that cannot be taken' "bad: 'too'" bad
    expect_refused_script 'and another' "'frobnicate'" bad
    expect_refused_script 'and how many' '2 of 3 ipfw commands were rejected; none is used' bad
    script_make bad 'ipfw -q add 100 allow ip from any to any' 'ipfw delete 200'
    expect_refused_script 'a script that fails' "exit status 69; its rules are not used; the last ipfw command" bad
    # shellcheck disable=SC2016
    script_make bad 'ipfw -q add 100 allow ip from any to any' 'kill -9 $$'
    expect_refused_script 'a script that is killed' 'signal 9' bad
    script_make bad 'true'
    expect_refused_script 'a script without a rule' 'did not run ipfw' bad
    expect_refused_script 'no script' 'No such file' none
    script_make bad 'ipfw nat 1 config if em0'
    expect_refused_script 'nat' 'natd' bad
}

# A signal to divert-run ends the script.
test_script_is_interrupted() {
    script_make slow 'ipfw -q add 100 allow ip from any to any' "touch $SCRATCH/begun" 'exec sleep 60'
    ns_start "$ROUTER" "$SCRATCH/log-slow" "$DIVERT_RUN" --ipfw-script "$SCRATCH/slow" -- true
    wait_until 'the script to begin' test -e "$SCRATCH/begun"
    stop "$STARTED" TERM
    expect_equal 'the signal ends divert-run' $((128 + 15)) $?
    expect_success 'no directory is left' no_place_is_left
    expect_no_rules "$ROUTER"
}

# ---- what the script sees ----

test_arguments_of_scripts() {
    # shellcheck disable=SC2016
    script_make args 'echo "$0 has $#: $*"' 'ipfw -q add count ip from any to any'
    check_script "$SCRATCH/args" one 'two words' three
    expect_contains 'words before --' "$SCRATCH/args has 3: one two words three" "$CHECKED"
    CHECKED=$(in_ns "$ROUTER" "$DIVERT_RUN" --ipfw-script "$SCRATCH/args" sh -c 'echo runs' 2>&1)
    expect_contains 'without -- there is none' "$SCRATCH/args has 0: " "$CHECKED"
    expect_contains 'and the command is the next word' 'runs' "$CHECKED"
    CHECKED=$(in_ns "$ROUTER" "$DIVERT_RUN" --ipfw-script "$SCRATCH/args" -- echo -- more 2>&1)
    expect_contains 'a -- of the command' '-- more' "$CHECKED"
}

test_interpreters_of_scripts() {
    # shellcheck disable=SC2016
    script_make bash '#!/usr/bin/env bash' 'ipfw -q add count ip from any to any; echo "by ${BASH_VERSION:+bash}"'
    chmod +x "$SCRATCH/bash"
    check_script "$SCRATCH/bash"
    expect_contains 'its own, if it is there' 'by bash' "$CHECKED"
    # shellcheck disable=SC2016
    script_make nobash '#!/usr/local/nowhere/bash' 'ipfw -q add count ip from any to any; echo "by the shell"'
    chmod +x "$SCRATCH/nobash"
    check_script "$SCRATCH/nobash"
    expect_contains 'else the shell' 'by the shell' "$CHECKED"
}

test_other_commands_of_scripts() {
    # shellcheck disable=SC2016
    script_make other 'sysctl net.inet.ip.fw.enable=0' '/sbin/sysctl -n net.inet.ip.fw.one_pass' \
        'sysctl net.inet.ip.fw.enable=1' 'sysctl -n net.inet.ip.fw.nonsense || echo "unknown"' \
        'sysctl -n kernel.ostype' 'kldload ipfw ipdivert && echo loaded' \
        'kenv net.inet.ip.fw.default_to_accept=1 && echo "a loader"' 'kldstat -q -m ipfw && echo "has ipfw"' 'kldstat -q -m if_wg || echo "has no if_wg"' \
        'ipfw add 100 count ip from any to any' 'ipfw list 100' 'ipfw -q delete 5 || echo "status $?"' \
        'ipfw table 4 add 10.0.0.0/8 7' 'ipfw table 4 list' 'env -i /sbin/ipfw add 600 count icmp from any to any' \
        'env -i PATH="$PATH" ipfw add 700 count gre from any to any'
    check_script "$SCRATCH/other"
    expect_contains 'a variable that is set' 'net.inet.ip.fw.enable: 1 -> 0' "$CHECKED"
    expect_contains 'and set back' 'net.inet.ip.fw.enable: 0 -> 1' "$CHECKED"
    expect_contains 'an unknown one' unknown "$CHECKED"
    expect_contains 'one of the host' Linux "$CHECKED"
    expect_contains 'kldload' loaded "$CHECKED"
    expect_contains kenv 'a loader' "$CHECKED"
    expect_contains 'kldstat' 'has ipfw' "$CHECKED"
    expect_contains 'kldstat of another module' 'has no if_wg' "$CHECKED"
    expect_contains 'a rule is listed' $'00100 count ip from any to any\n00100 count ip from any to any' "$CHECKED"
    expect_contains 'the status of a command' 'status 69' "$CHECKED"
    expect_contains 'a table is listed' '10.0.0.0/8 7' "$CHECKED"
    expect_contains 'without its environment, by /sbin' '00600 count icmp' "$CHECKED"
    expect_contains 'and by PATH' '00700 count gre' "$CHECKED"
    expect_failure 'the host has got no /sbin/ipfw' test -e /sbin/ipfw
}

test_files_of_scripts() {
    printf '%s\n' '# rules' 'add 100 count ip from any to any via IF' '' 'table 1 add 10.0.0.0/8' >"$SCRATCH/file"
    script_make files "ipfw -q -p sed s/IF/lan0/ $SCRATCH/file" 'ipfw -q /dev/stdin <<END' \
        'add 200 count tcp from any to any' 'END' 'echo add 300 count udp from any to any | ipfw -q -' \
        'ipfw list' 'ipfw table 1 list'
    check_script "$SCRATCH/files"
    expect_contains 'through a preprocessor' '00100 count ip from any to any via lan0' "$CHECKED"
    expect_contains 'the standard input' '00200 count tcp from any to any' "$CHECKED"
    expect_contains 'the same as -' '00300 count udp from any to any' "$CHECKED"
    expect_contains 'a table' '10.0.0.0/8 0' "$CHECKED"
    printf '%s\n' 'add 100 count ip from any to any' 'add 200 count ip from any too any' >"$SCRATCH/file"
    script_make files "ipfw -q $SCRATCH/file"
    check_script "$SCRATCH/files"
    expect_contains 'a bad line of a file' "file:2: 'too'" "$CHECKED"
    script_make files "ipfw -q $SCRATCH/no-file 2>/dev/null" "ipfw -q -p false $SCRATCH/file" \
        'ipfw -q add count ip from any to any'
    check_script "$SCRATCH/files"
    expect_contains 'a file that is not there' "no-file: No such file" "$CHECKED"
    expect_contains 'a preprocessor that fails' "file: the preprocessor failed" "$CHECKED"
    expect_contains 'both count' '2 of 3 ipfw commands were rejected' "$CHECKED"
}

# Without root the mount namespace is one of a user namespace.
test_scripts_without_root() {
    local user=(setpriv --reuid=65534 --regid=65534 --clear-groups)
    mkdir -p "$SCRATCH/copy"
    cp "$DIVERT_RUN" "$SCRATCH/copy"
    script_make user '/sbin/ipfw add 100 count ip from any to any' 'id -u'
    chmod -R a+rX "$SCRATCH"
    "${user[@]}" unshare --user true 2>/dev/null || {
        printf -- '-- not without root: user namespaces cannot be made here\n'
        return
    }
    CHECKED=$("${user[@]}" "$SCRATCH/copy/divert-run" --check --ipfw-script "$SCRATCH/user" -- none 2>&1)
    expect_contains '/sbin/ipfw' '00100 count ip from any to any' "$CHECKED"
    expect_contains 'as the same user' 65534 "$CHECKED"
}

# without_namespaces COMMAND...: as root of a user namespace in which no others can be made.
without_namespaces() {
    # shellcheck disable=SC2016
    unshare --user --map-root-user --mount sh -c '
        mount -t tmpfs sbin /sbin || exit # which counts as a namespace
        for kind in user mnt; do echo 0 >/proc/sys/user/max_${kind}_namespaces; done
        "$@"' sh "$@" 2>&1
}

test_scripts_without_namespaces() {
    unshare --user --map-root-user --mount true 2>/dev/null || {
        printf -- '-- not without namespaces: user namespaces cannot be made here\n'
        return
    }
    script_make sbin 'fwcmd=/sbin/ipfw' "\$fwcmd add 100 count ip from any to any"
    script_make plain 'ipfw add 100 count ip from any to any'
    CHECKED=$(without_namespaces "$DIVERT_RUN" --check --ipfw-script "$SCRATCH/sbin" -- none)
    expect_contains 'without namespaces, /sbin/ipfw' "or make /sbin/ipfw a link to divert-run" "$CHECKED"
    expect_contains 'and the script fails' 'exit status 127' "$CHECKED"
    CHECKED=$(without_namespaces "$DIVERT_RUN" --check --ipfw-script "$SCRATCH/plain" -- none)
    expect_contains 'without namespaces, ipfw' '00100 count ip from any to any' "$CHECKED"
    # shellcheck disable=SC2016
    CHECKED=$(without_namespaces sh -c 'ln -s "$1" /sbin/ipfw; "$@"; /sbin/ipfw list' sh "$DIVERT_RUN" \
        --check --ipfw-script "$SCRATCH/sbin" -- none)
    expect_contains 'a link to divert-run as /sbin/ipfw' '00100 count ip from any to any' "$CHECKED"
    expect_equal 'no warning then' '' "$(grep 'make it a link' <<<"$CHECKED")"
    expect_contains 'the link outside of a script' 'ipfw: there are no rules outside' "$CHECKED"
}

# ---- FreeBSD's rc.firewall ----

# need_state: fails, after a message, if rules cannot keep state with this packet filter.
need_state() {
    local error
    error=$(in_ns "$ROUTER" "$DIVERT_RUN" -q "${BACKEND_OPTION[@]}" \
        -r 'allow udp from any to any keep-state' true 2>&1) && return
    printf -- '-- not with %s: %s\n' "$BACKEND" "${error%%$'\n'*}"
    return 1
}

# udp_from NS ADDRESS PORT WORD: one datagram.
udp_from() {
    in_ns "$1" socat -u STDIN "UDP4:$2:$3" <<<"$4"
}

connects() {
    in_ns "$1" timeout 5 socat -u OPEN:/dev/null "TCP4:$2:$3,connect-timeout=2" 2>/dev/null
}

# rc_firewall_start PORT TYPE PROGRAM...
rc_firewall_start() {
    run_start "$ROUTER" "$1" "${BACKEND_OPTION[@]}" \
        --ipfw-script "$SOURCE/tests/net/rules/data/rc.firewall" "$2" -- "${@:3}"
}

test_rc_firewall_open() {
    natd_enable=YES natd_interface=wan0 rc_firewall_start 8668 open "$EXAMPLES/printer" -p 8668
    expect_equal 'pings' 2 "$(ping_replies "$CLIENT" "$SERVER_ADDRESS" 2 -W 10)"
    expect_equal 'each was diverted twice' 4 "$(printed "$RUN_LOG")"
    script_stop
}

test_rc_firewall_simple() {
    need_state || return 0
    firewall_quiet=YES natd_enable=YES natd_interface=wan0 firewall_simple_iif=lan0 \
        firewall_simple_inet=10.1.0.0/24 firewall_simple_oif=wan0 firewall_simple_onet=192.0.2.0/24 \
        rc_firewall_start 8668 simple "$EXAMPLES/nat" -p 8668 -n wan0
    expect_success 'TCP from inside' connects "$CLIENT" "$SERVER_ADDRESS" 7001
    expect_failure 'TCP from outside to inside' connects "$SERVER" "$CLIENT_ADDRESS" 7002
    expect_failure 'TCP from outside to a closed port' connects "$SERVER" "$WAN_ADDRESS" 7003
    expect_success 'TCP from outside to the web server' connects "$SERVER" "$WAN_ADDRESS" 80
    expect_equal 'pings, which no rule allows' 0 "$(ping_replies "$CLIENT" "$SERVER_ADDRESS" 2 -W 1)"
    expect_equal 'DNS from inside, and its answer' query \
        "$(in_ns "$CLIENT" timeout 10 socat -t 5 STDIO "UDP4:$SERVER_ADDRESS:53" <<<query)"
    udp_from "$SERVER" "$WAN_ADDRESS" 7004 unasked
    udp_from "$SERVER" "$WAN_ADDRESS" 53 asked
    wait_until 'DNS to the router' file_contains "$SCRATCH/udp-53" asked
    expect_equal 'UDP that nobody asked for' '' "$(cat "$SCRATCH/udp-7004")"
    script_stop
}

test_rc_firewall_client() {
    need_state || return 0
    firewall_client_net=10.1.0.0/24 rc_firewall_start 8000 client "$EXAMPLES/printer" -p 8000
    expect_equal 'pings from the net' 2 "$(ping_replies "$CLIENT" "$LAN_ADDRESS" 2 -W 10)"
    expect_equal 'pings from elsewhere' 0 "$(ping_replies "$SERVER" "$WAN_ADDRESS" 2 -W 1)"
    expect_success 'TCP from here' connects "$ROUTER" "$SERVER_ADDRESS" 7001
    expect_failure 'TCP from elsewhere' connects "$SERVER" "$WAN_ADDRESS" 80
    expect_equal 'DNS from here, and its answer' query \
        "$(in_ns "$ROUTER" timeout 10 socat -t 5 STDIO "UDP4:$SERVER_ADDRESS:53" <<<query)"
    script_stop
}

script_servers_start() {
    ns_start "$SERVER" "$SCRATCH/log-dns" socat UDP4-LISTEN:53,fork,reuseaddr PIPE
    ns_start "$SERVER" "$SCRATCH/log-tcp" socat -u TCP4-LISTEN:7001,fork,reuseaddr /dev/null
    ns_start "$CLIENT" "$SCRATCH/log-tcp2" socat -u TCP4-LISTEN:7002,fork,reuseaddr /dev/null
    ns_start "$ROUTER" "$SCRATCH/log-tcp3" socat -u TCP4-LISTEN:7003,fork,reuseaddr /dev/null
    ns_start "$ROUTER" "$SCRATCH/log-web" socat -u TCP4-LISTEN:80,fork,reuseaddr /dev/null
    ns_start "$ROUTER" "$SCRATCH/udp-7004" socat -u UDP4-RECV:7004 STDOUT
    ns_start "$ROUTER" "$SCRATCH/udp-53" socat -u UDP4-RECV:53 STDOUT
    wait_udp "$SERVER" 53
    wait_udp "$ROUTER" 53
    wait_tcp "$SERVER" 7001
    wait_tcp "$CLIENT" 7002
    wait_tcp "$ROUTER" 7003
    wait_tcp "$ROUTER" 80
}

script_traffic_tests() {
    run_tests test_script_makes_rules test_script_denies_by_default test_rc_firewall_open \
        test_rc_firewall_simple test_rc_firewall_client
}

run_tests test_arguments_of_scripts test_interpreters_of_scripts test_other_commands_of_scripts \
    test_files_of_scripts test_scripts_without_root \
    test_scripts_without_namespaces test_refused_scripts test_script_is_interrupted
script_servers_start
each_backend script_traffic_tests
finish
