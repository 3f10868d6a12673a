#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The commands of docs/by-hand.md do what it says. Those for nft are tested by vm/test_nft.
# shellcheck source-path=SCRIPTDIR source=../lib/built.sh
. "$(dirname "$0")/../lib/built.sh"
# shellcheck source-path=SCRIPTDIR source=../lib/document.sh
. "$(dirname "$0")/../lib/document.sh"

need_divert_run
need_files "$EXAMPLES/nat"
hosts_make
DOCUMENT=$SOURCE/docs/by-hand.md
TRIAL=$NET_PREFIX-$$-try

# paste_lines TEXT: runs the iptables commands of the block in the router.
paste_lines() {
    in_place "$ROUTER" bash -ec "$(block "$1" | grep ^iptables)"
}

# With 32 bits on a kernel of 64, iptables-nft takes a rule with -m socket and does not find it again,
# whose structure has another length there.
need_iptables_that_deletes() {
    local rule='PREROUTING -m socket'
    in_ns "$ROUTER" bash -c "iptables -t raw -A $rule; iptables -t raw -D $rule" 2>/dev/null && return
    echo '-- not with iptables-nft, which cannot delete what it made here'
    in_ns "$ROUTER" iptables -t raw -F
    stand_in iptables 'exec iptables-legacy "$@"'
}

test_iptables_by_hand() {
    local program
    need_iptables_that_deletes
    expect_success 'the rules' paste_lines '-A PREROUTING -m mark'
    program=$(block '-A PREROUTING -m mark' | grep natd)
    paste_start 8668 "${program/\/usr\/local\/lib\/libdivertshim.so/$LIBRARY}"
    expect_equal 'pings answered' 5 "$(ping_replies "$CLIENT" "$SERVER_ADDRESS" 5 -W 10)"
    expect_equal 'pings of 3000 bytes, which come in fragments' 5 \
        "$(ping_replies "$CLIENT" "$SERVER_ADDRESS" 5 -W 10 -s 3000)"
    run_stop
    expect_equal 'with its program gone the rules drop what they divert' 0 \
        "$(ping_replies "$CLIENT" "$SERVER_ADDRESS" 2)"
    expect_success 'the rules are removed' paste_lines '-D PREROUTING'
    expect_no_rules "$ROUTER"
}

# A shell reads it from its standard input, as on a terminal: the shell in the namespace gets its lines.
test_trial_in_a_namespace() {
    local pasted printed
    pasted=$(block 'ip netns add try')
    stand_in ping "sleep; exec $(command -v ping) \"\$@\""
    printed=$(cd "$SCRATCH" && PATH=$SCRATCH/bin:$PATH bash 2>&1 <<<"${pasted//try/$TRIAL}")
    expect_equal 'the printer prints the outgoing packets' 2 \
        "$(grep -c '^out - 127.0.0.1 -> 127.0.0.1 icmp length 84' <<<"$printed")"
    expect_contains 'and the ping is answered' '1 received' "$printed"
    expect_equal 'the namespace is gone' '' "$(ip netns list | grep "^$TRIAL\b")"
}

stand_in_programs
rename_wan
run_tests test_iptables_by_hand test_trial_in_a_namespace
[[ -n ${TEST_ONLY:-} ]] || expect_all_used '^table inet divert'
finish
