#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# divert-run --status shows the counters of each rule, and the dynamic rules, as ipfw -d show does.
# shellcheck source-path=SCRIPTDIR source=../lib/built.sh
. "$(dirname "$0")/../lib/built.sh"

need_divert_run
need_commands python3 socat
hosts_make route-back
LIB=$(cd "$(dirname "$0")/../lib" && pwd)
WORDS=(python3 "$LIB/words.py")
ns_start "$SERVER" "$SCRATCH/arrived" socat -u -b 100 UDP4-RECV:5002 STDOUT
wait_udp "$SERVER" 5002

# Each packet has 128 bytes, and is not answered.
send() {
    in_ns "$CLIENT" python3 "$LIB/send_words.py" "$SERVER_ADDRESS" "$@"
}

# shown [WHAT]: the lines of --status about rules, or the dynamic ones, without padding.
shown() {
    in_ns "$ROUTER" "$DIVERT_RUN" --status 2>/dev/null | awk -v part="${1:-rules}" '
        /^rules of divert-run \(/ { now = "rules"; next }
        /^## Dynamic rules \(/ { now = "dynamic"; next }
        !NF { now = "" }
        now == part { $1 = $1; print }'
}

# counted: number, packets and bytes of each rule except the last.
counted() {
    shown | awk '$1 != "65535" { print $1, $2, $3 }'
}

# expect_counted WHAT LINES: waits until they are shown.
expect_counted() {
    wait_until "$1" counts_are "$2" 2>/dev/null
    expect_equal "$1" "$2" "$(counted)"
}

counts_are() {
    [[ $(counted) == "$1" ]]
}

# A packet meets the rules when it comes in, and when it goes out again.
test_each_packet_counts_once() {
    run_start "$ROUTER" 8000 "${BACKEND_OPTION[@]}" \
        -r '100 tee 8001 udp from any to any 5002 in' \
        -r '150 count udp from any to any 5002' \
        -r '200 skipto 300 udp from any to any 5002 in' \
        -r '250 count udp from any to any 5002' \
        -r '300 divert 8000 udp from any to any 5002 in' \
        -r '310 count udp from any to any 5002 diverted' \
        -r '320 count udp from not 10.9.9.9,10.8.8.0/24 to any 5002' \
        -r '330 count log udp from 10.9.0.0/16,10.0.0.0/8 to any 4000-5000,5002' \
        -r '340 count udp from fd00::/8 to any' \
        -r '350 deny { udp or tcp } from any to any 5002 out' \
        -r '400 allow udp from any to any 5002' \
        -r '450 deny udp from table(7) to any' \
        -r '65535 allow ip from any to any' "${WORDS[@]}" 8000
    send pass 5 drop 2
    expect_counted 'packets and bytes' '00100 7 896
00150 12 1536
00200 7 896
00250 5 640
00300 7 896
00310 5 640
00320 10 1280
00330 10 1280
00340 0 0
00350 5 640
00350 0 0
00400 5 640
00450 0 0'
    expect_contains 'the rule' '00310 5 640 count udp from any to any 5002 diverted' "$(shown)"
    run_stop
}

# Many consecutive rules that are dispatched by port, and rules that share an action.
test_counts_of_dispatched_rules() {
    local rules=() i
    for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
        rules+=(-r "$((i * 10)) deny udp from any to any $((4991 + i)) out")
    done
    run_start "$ROUTER" 8000 "${BACKEND_OPTION[@]}" "${rules[@]}" \
        -r '500 divert 8000 udp from any to any 5002 in' "${WORDS[@]}" 8000
    send pass 3
    expect_counted 'what each rule of a map counts' "$(for i in 1 2 3 4 5 6 7 8 9 10; do
        printf '%05d 0 0\n' $((i * 10))
    done)
00110 3 384
00120 0 0
00500 3 384"
    run_stop
}

# Rules of the same number: alternatives are shown separately, the values of a table are not.
test_counts_of_a_table() {
    cat >"$SCRATCH/rules" <<'END'
table 1 add 10.1.0.0/16 300
table 1 add 10.2.0.0/16 400
table 1 add 10.0.0.0/8 400
add 100 skipto tablearg udp from table(1) to any 5002
add 200 count udp from any to any 5002
add 300 count udp from any to any 5002
END
    run_start "$ROUTER" 8000 "${BACKEND_OPTION[@]}" -f "$SCRATCH/rules" "${WORDS[@]}" 8000
    send pass 4
    expect_counted 'a rule with several values' $'00100 8 1024\n00200 0 0\n00300 8 1024'
    run_stop
}

test_counts_of_two_runs() {
    local first
    run_start "$ROUTER" 8000 "${BACKEND_OPTION[@]}" -r '100 count udp from any to any 5002 in' "${WORDS[@]}" 8000
    first=$RUN_PID
    run_start "$ROUTER" 8001 "${BACKEND_OPTION[@]}" -r '100 count udp from any to any 5002' "${WORDS[@]}" 8001
    send pass 4
    wait_until 'packets of both' counts_are $'00100 4 512\n00100 8 1024' 2>/dev/null
    expect_equal 'packets of both' $'00100 4 512\n00100 8 1024' "$(counted | sort)"
    run_stop
    stop "$first" TERM
    expect_equal 'rules behind the end of both' '' "$(counted)"
}

# Restored rules count from 0.
test_counts_of_restored_rules() {
    [[ $BACKEND != nft ]] || return 0
    run_start "$ROUTER" 8000 "${BACKEND_OPTION[@]}" -r '100 count udp from any to 192.0.2.0/24,10.7.0.0/16 5002 in' \
        "${WORDS[@]}" 8000
    send pass 4
    expect_counted 'before' '00100 4 512'
    in_ns "$ROUTER" iptables -t raw -F
    wait_until 'rules that are there again' counts_are '00100 0 0'
    send pass 2
    expect_counted 'behind it' '00100 2 256'
    run_stop
}

test_counts_that_cannot_be_read() {
    [[ $BACKEND != nft ]] || return 0
    run_start "$ROUTER" 8000 "${BACKEND_OPTION[@]}" --no-restore -r '100 count udp from any to any 5002 in' \
        "${WORDS[@]}" 8000
    in_ns "$ROUTER" iptables -t raw -F
    expect_counted 'rules that are removed' '00100 - -'
    wait_until 'that divert-run notices' removed_is_shown
    expect_contains 'for programs' '"removed":true,"packets":null,"bytes":null' \
        "$(in_ns "$ROUTER" "$DIVERT_RUN" --status --json)"
    run_stop
}

removed_is_shown() {
    shown | grep -q '(not in the packet filter)$'
}

# dynamic NUMBER: the dynamic rules of that rule, without the seconds.
dynamic() {
    shown dynamic | sed -n "s/ ([0-9]*s) / /; /^$1 /p"
}

# Both hooks, both ways.
test_dynamic_rules_count() {
    [[ $BACKEND == nft ]] || return 0
    run_start "$ROUTER" 8000 "${BACKEND_OPTION[@]}" \
        -r '100 check-state' \
        -r '110 allow icmp from any to any icmptypes 8 keep-state :echo' \
        -r '120 allow udp from any 4444 to any limit src-addr 3' \
        -r '130 allow tcp from any to any setup keep-state' \
        -r '65535 allow ip from any to any' "${WORDS[@]}" 8000
    expect_equal 'replies' 3 "$(ping_replies "$CLIENT" "$SERVER_ADDRESS" 3)"
    send pass 4
    ns_start "$SERVER" "$SCRATCH/log-tcp" socat TCP4-LISTEN:5003 EXEC:'sleep 60'
    wait_tcp "$SERVER" 5003
    ns_start "$CLIENT" "$SCRATCH/log-tcp-client" socat -u "TCP4:$SERVER_ADDRESS:5003,sourceport=1111" STDOUT
    wait_until 'the connection' tcp_is_shown
    expect_equal 'of ICMP' "00110 12 1008 STATE icmp 10.1.0.2 0 <-> $SERVER_ADDRESS 0 :echo" "$(dynamic 00110)"
    expect_equal 'of UDP' "00120 8 1024 LIMIT udp 10.1.0.2 4444 <-> $SERVER_ADDRESS 5002 :default" "$(dynamic 00120)"
    # SYN ACK comes in and goes out, and so does ACK.
    expect_equal 'of TCP' "00130 4 STATE tcp 10.1.0.2 1111 <-> $SERVER_ADDRESS 5003 :default" \
        "$(dynamic 00130 | awk '{ $3 = ""; $0 = $0; $1 = $1; print }')"
    expect_equal 'of the rules that made them' $'00100 0 0\n00110 12 1008\n00120 8 1024' "$(counted | head -n 3)"
    expect_contains 'for programs' '{"number":120,"type":"limit","flow":"default","family":"inet","protocol":17,"source":"10.1.0.2","source_port":4444,' \
        "$(in_ns "$ROUTER" "$DIVERT_RUN" --status --json)"
    run_stop
}

tcp_is_shown() {
    shown dynamic | grep -q '^00130 4 '
}

# In each chain in which it has lines, or after all if it has none.
test_check_names_each_rule() {
    local checked
    checked=$("$DIVERT_RUN" --check "${BACKEND_OPTION[@]}" -r '100 deny udp from not 10.9.9.9,10.8.8.0/24 to any 1,2' \
        -r '200 allow ip from any to table(7)' -r '300 count icmp from ::1 to any')
    # The first line of each chain is that of 10.9.9.9.
    expect_equal 'lines that do not follow the name of the rule' 0 \
        "$(awk '/10\.9\.9\.9/ && !/#/ && before !~ /# 100 deny/ { n++ } { before = $0 } END { print n + 0 }' <<<"$checked")"
    expect_at_least 'lines' 2 "$(grep -v '#' <<<"$checked" | grep -c '10\.9\.9\.9')"
    expect_contains 'a rule with an empty table' '# 200 allow ip from any to table(7): no packet can match this rule' "$checked"
    expect_contains 'a rule that is wrong' '# 300 count icmp from ::1 to any: no packet can match this rule' "$checked"
}

each_backend run_tests test_check_names_each_rule test_each_packet_counts_once test_counts_of_dispatched_rules \
    test_counts_of_a_table test_counts_of_two_runs test_counts_of_restored_rules test_counts_that_cannot_be_read \
    test_dynamic_rules_count
finish
