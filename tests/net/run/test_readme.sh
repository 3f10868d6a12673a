#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# What README.md has to be pasted into a shell does what it says, as one block.
# shellcheck source-path=SCRIPTDIR source=../lib/built.sh
. "$(dirname "$0")/../lib/built.sh"

need_divert_run
HOST=$NET_PREFIX-$$-host
ns_add "$HOST"

# Where README.md waits for a second, this waits as long as the machine needs.
mkdir "$SCRATCH/bin"
cat >"$SCRATCH/bin/sleep" <<'END'
#!/bin/sh
until awk '$1 == 700 { found = 1 } END { exit !found }' /proc/self/net/netfilter/nfnetlink_queue; do
    /bin/sleep 0.02
done
END
chmod +x "$SCRATCH/bin/sleep"
ln -s "$BUILD" "$SCRATCH/build"

EXPECTED='out - 127.0.0.1 -> 127.0.0.1 icmp length 84
in  lo 127.0.0.1 -> 127.0.0.1 icmp length 84
out - 127.0.0.1 -> 127.0.0.1 icmp length 84
in  lo 127.0.0.1 -> 127.0.0.1 icmp length 84'

# block TEXT: the indented lines around the first that contains it.
block() {
    awk -v text="$1" '
        /^    / { lines = lines "\n" substr($0, 5); found = found || index($0, text); next }
        found { exit }
        { lines = "" }
        END { print lines }' "$SOURCE/README.md"
}

# paste_block TEXT: runs it; what the printer in it prints.
paste_block() {
    (cd "$SCRATCH" && PATH=$SCRATCH/bin:$PATH in_ns "$HOST" bash -c "$1" 2>&1) | grep -E '^(in |out) '
}

test_first_program() {
    expect_equal 'the first program prints' "$EXPECTED" "$(paste_block "$(block '-- build/examples/printer &')")"
    expect_no_rules "$HOST"
}

test_trial_without_root() {
    unshare -Urn true 2>/dev/null || {
        printf -- '-- no user namespaces here\n'
        return
    }
    expect_equal 'the trial without root prints' "$EXPECTED" "$(paste_block "$(block 'unshare -Urn sh')")"
}

run_tests test_first_program test_trial_without_root
finish
