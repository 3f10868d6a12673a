#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Nonsensical rules, with words that are special to shells and packet filters: each is refused with one
# clear line, or its translation is valid and does nothing else.
# shellcheck source-path=SCRIPTDIR source=../lib/built.sh
. "$(dirname "$0")/../lib/built.sh"

COUNT=1600

need_root
need_commands ip iptables-restore nft
need_files "$DIVERT_RUN" "$BUILD/tests/nonsense"
scratch_directory SCRATCH
mkdir "$SCRATCH/work" "$SCRATCH/tools"
cd "$SCRATCH/work" || exit 1
ns_add "$ROUTER"

# wrapper NAME COMMAND...: makes a command NAME that has the packet filter check its input without
# installing it. On kernels without nft's queue that word is left out.
wrapper() {
    local name=$1
    shift
    cat >"$SCRATCH/tools/$name" <<END
#!/bin/sh
sed $QUEUE_EDIT >'$SCRATCH/input'
$* <'$SCRATCH/input' >'$SCRATCH/error' 2>&1 && exit
{ echo '$name:'; cat '$SCRATCH/error' '$SCRATCH/input'; } >>'$SCRATCH/log-refused'
END
    chmod +x "$SCRATCH/tools/$name"
}

# make_tools KIND: of iptables.
make_tools() {
    QUEUE_EDIT="''"
    in_ns "$ROUTER" nft -c -f - 2>/dev/null <<<$'table inet t {\n chain c {\n queue num 1\n }\n}' ||
        QUEUE_EDIT="'s/ queue num [0-9-]*\$/ accept/'"
    wrapper nft "$(command -v nft) -c -f -"
    wrapper iptables-restore "$(command -v "iptables-$1-restore") --test --noflush"
    wrapper ip6tables-restore "$(command -v "ip6tables-$1-restore") --test --noflush"
}

# Sets SUMMARY and STATUS; the commands printed for accepted rules are in $SCRATCH/commands.
give_rules() {
    SUMMARY=$("$BUILD/tests/nonsense" "$DIVERT_RUN" "$COUNT" ./canary 2>&1 >"$SCRATCH/commands")
    STATUS=$?
}

test_nonsense_is_refused_or_taken() {
    expect_equal "$COUNT rules: each refused with one line, or taken without a word" 0 "$STATUS"
    ((STATUS == 0)) || head -n 20 <<<"$SUMMARY"
    printf '%s\n' "${SUMMARY##*$'\n'}"
    expect_at_least 'rules that were refused' 1000 "$(sed -n '$s/ refused.*//p' <<<"$SUMMARY")"
    expect_at_least 'rules that were taken' 50 "$(sed -n '$s/.*refused, \(.*\) taken/\1/p' <<<"$SUMMARY")"
}

# The printed commands, run by a shell as a user would.
test_printed_commands() {
    local kind
    for kind in legacy nft; do
        command -v "iptables-$kind-restore" >/dev/null || continue
        make_tools "$kind"
        rm -f "$SCRATCH/log-refused"
        in_ns "$ROUTER" env "PATH=$SCRATCH/tools:$PATH" sh "$SCRATCH/commands" >"$SCRATCH/log-shell" 2>&1
        expect_equal "iptables-$kind and nft: the shell has nothing to say" '' "$(head -n 3 "$SCRATCH/log-shell")"
        expect_failure "iptables-$kind and nft take it all" test -e "$SCRATCH/log-refused"
        expect_no_rules "$ROUTER"
    done
}

give_rules
run_tests test_nonsense_is_refused_or_taken test_printed_commands
expect_equal 'nothing was made in the directory' '' "$(ls -A "$SCRATCH/work")"
finish
