# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# The blocks of a document that are pasted into a shell or a file, and whether a test used all of them.
# Source it after built.sh, with $DOCUMENT set. A block is a run of indented lines, as in Markdown.

# blocks: all of them, each preceded by a line with a NUL.
blocks() {
    awk '
        /^    / { if (!open) printf "%c", 0; open = 1; printf "%s%s\n", empty, substr($0, 5); empty = ""; next }
        /^$/ && open { empty = empty "\n"; next }
        { open = 0; empty = "" }' "$DOCUMENT"
}

# block TEXT: the one block that contains it, which counts as used.
block() {
    local found candidate
    mapfile -d '' -t found < <(blocks)
    for candidate in "${found[@]}"; do
        [[ $candidate == *"$1"* ]] || continue
        printf '%s' "$candidate" | tee -a "$SCRATCH/used"
        return
    done
    printf 'no block of %s has: %s\n' "${DOCUMENT##*/}" "$1" >&2
    return 1
}

# expect_all_used [PATTERN]: each block was used, except those that match the pattern.
expect_all_used() {
    local found candidate left=''
    mapfile -d '' -t found < <(blocks)
    for candidate in "${found[@]}"; do
        [[ -z $candidate || $(cat "$SCRATCH/used") == *"${candidate%$'\n'}"* ]] ||
            grep -qE "${1:-^$}" <<<"$candidate" || left+=$candidate
    done
    expect_equal "all commands of ${DOCUMENT##*/} were run" '' "$left"
}

# ---- where it is run ----

# stand_in NAME COMMAND: makes a script of that name in the PATH of the pasted blocks.
stand_in() {
    mkdir -p "$SCRATCH/bin"
    printf '#!/bin/sh\n%s\n' "$2" >"$SCRATCH/bin/$1"
    chmod +x "$SCRATCH/bin/$1"
}

# stand_in_programs: programs that Debian lacks are replaced by the examples, or by a printer. Blocks are
# pasted where build/ is the build under test. Where a block waits, this waits as long as the machine
# needs: until the queue is bound and hands packets over, before which the kernel drops them.
stand_in_programs() {
    stand_in natd "exec $EXAMPLES/nat \"\$@\""
    stand_in tcpmssd "exec $EXAMPLES/mssd \"\$@\""
    stand_in suricata "exec $EXAMPLES/printer -p 8000"
    stand_in dvtws "exec $EXAMPLES/printer -p 989"
    stand_in sleep "until awk '\$1 == 700 && \$4 == 2 { found = 1 } END { exit !found }' /proc/self/net/netfilter/nfnetlink_queue
do
    $(command -v sleep) 0.02
done"
    ln -s "$DIVERT_RUN" "$SCRATCH/bin/divert-run"
    ln -s "$BUILD" "$SCRATCH/build"
}

# rename_wan: the router's outer interface is eth0, as in the documents.
rename_wan() {
    ip -n "$ROUTER" link set wan0 down
    ip -n "$ROUTER" link set wan0 name eth0
    ip -n "$ROUTER" link set eth0 up
    wait_until 'eth0 to come up' hosts_are_up
}

# in_place NAMESPACE COMMAND...: with the replacements in the PATH.
in_place() {
    local name=$1
    shift
    (cd "$SCRATCH" && PATH=$SCRATCH/bin:$PATH in_ns "$name" "$@")
}

# paste_start PORT COMMAND: runs it in the router until run_stop. Files of /etc are in $SCRATCH/etc.
paste_start() {
    local command=${2//\/etc\//$SCRATCH/etc/}
    RUN_LOG=$(mktemp "$SCRATCH/log-XXXXXX")
    (cd "$SCRATCH" && PATH=$SCRATCH/bin:$PATH exec ip netns exec "$ROUTER" bash -c "exec env $command") \
        >"$RUN_LOG" 2>&1 </dev/null &
    export RUN_PID=$! # for run_stop
    wait_queue "$ROUTER" "$1" && return
    not_ok "$command" "a program that binds divert port $1" "$(cat "$RUN_LOG")"
    finish
}
