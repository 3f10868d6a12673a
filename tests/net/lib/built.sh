# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# lib.sh, and what was built: divert-run, the library, the examples. Source it:
#
#     . "$(dirname "$0")/../lib/built.sh"
#     need_divert_run
#     hosts_make
#     run_start "$ROUTER" 8000 -r 'divert 8000 icmp from any to any' "$EXAMPLES/printer" -p 8000
#     ...
#     run_stop; expect_no_rules "$ROUTER"; finish
#
# The build is the one in $DIVERTSHIM_BUILD, or else in build/ of this source tree.
# When something failed, the logs in $SCRATCH/log* are shown at the end.

# shellcheck source-path=SCRIPTDIR source=../lib/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

SOURCE=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../.." && pwd)
BUILD=${DIVERTSHIM_BUILD:-$SOURCE/build}
DIVERT_RUN=$BUILD/divert-run
LIBRARY=$BUILD/libdivertshim.so
EXAMPLES=$BUILD/examples
DAQHOST=$BUILD/tests/host/daqhost
export SOURCE BUILD DIVERT_RUN LIBRARY EXAMPLES DAQHOST

RUN_LOG=''      # what the divert-run started last printed, it and its command
RUN_PID=''
export BACKEND='' # the packet filter that each_backend has chosen
SYSTEM_PATH=$PATH

# need_divert_run: root, the tools, a build, and a packet filter that can queue. Makes $SCRATCH.
need_divert_run() {
    need_root
    need_commands ip ss ping awk iptables
    need_files "$DIVERT_RUN" "$LIBRARY" "$EXAMPLES/printer"
    need_nfqueue
    scratch_directory SCRATCH
}

# run_start NS PORT ARGUMENT...: divert-run in the background; waits until its command has
# bound PORT. The process is $RUN_PID, and the output is in $RUN_LOG.
run_start() {
    local name=$1 port=$2
    shift 2
    RUN_LOG=$(mktemp "$SCRATCH/log-XXXXXX")
    # A background job of a script ignores SIGINT, and so would the command.
    ns_start "$name" "$RUN_LOG" env --default-signal=INT "$DIVERT_RUN" "$@"
    RUN_PID=$STARTED
    wait_queue "$name" "$port" && return
    not_ok "divert-run $*" "a command that binds divert port $port" "$(cat "$RUN_LOG")"
    finish
}

# run_stop [SIGNAL]: ends divert-run; returns its exit status.
run_stop() {
    stop "$RUN_PID" "${1:-TERM}"
}

# run_command_pid: the process of the command, or of what it left; divert-run has one more child,
# which notifies it of signals to the group.
run_command_pid() {
    ps -o pid=,comm= --ppid "$RUN_PID" | awk '$2 != "divert-witness" { print $1 }'
}

# ---- packet filters ----

# iptables_directory KIND: a directory in which iptables and its related commands are of the KIND.
iptables_directory() {
    local tool directory=$SCRATCH/iptables-$1
    mkdir -p "$directory"
    for tool in iptables iptables-save iptables-restore ip6tables ip6tables-save ip6tables-restore; do
        ln -sf "$(command -v "${tool/tables/tables-$1}")" "$directory/$tool"
    done
    printf '%s\n' "$directory"
}

# backend_use NAME: chooses iptables-legacy or iptables-nft, as iptables, or nft. Tests then run
# divert-run "${BACKEND_OPTION[@]}". Fails, with the reason in $BACKEND_MISSING, if it does not work.
backend_use() {
    local kind=${1#iptables-} probe=$NET_PREFIX-$$-probe
    PATH=$SYSTEM_PATH
    BACKEND=$1
    BACKEND_OPTION=(--backend "${1%%-*}")
    if [[ $1 == iptables-* ]]; then
        if ! command -v "iptables-$kind" >/dev/null; then
            BACKEND_MISSING="no command iptables-$kind"
            return 1
        fi
        PATH=$(iptables_directory "$kind"):$SYSTEM_PATH
    fi
    ns_add "$probe"
    BACKEND_MISSING=$(in_ns "$probe" "$DIVERT_RUN" -q "${BACKEND_OPTION[@]}" \
        -r 'divert 1 ip4 from any to any' true 2>&1) && BACKEND_MISSING=''
    ns_remove "$probe"
    [[ -z $BACKEND_MISSING ]]
}

# each_backend COMMAND...: runs it with every packet filter that works here, and names the others.
# $TEST_BACKENDS names those to try.
each_backend() {
    local name tried=0
    for name in ${TEST_BACKENDS:-iptables-legacy iptables-nft nft}; do
        if backend_use "$name"; then
            tried=$((tried + 1))
            printf -- '-- %s\n' "$name"
            "$@"
        else
            printf -- '-- not with %s: %s\n' "$name" "${BACKEND_MISSING%%$'\n'*}"
        fi
    done
    PATH=$SYSTEM_PATH
    BACKEND=''
    ((tried > 0)) || skip 'no packet filter here can queue'
}

# ---- programs ----

# printed LOG: how many packets a printer has printed.
printed() {
    grep -c -E '^(in |out) ' "$1"
}

# shows the logs of a failed test
on_end() {
    local log
    ((NET_FAILURES > 0)) || return 0
    for log in "$SCRATCH"/log*; do
        [[ -s $log ]] || continue
        printf '%s:\n' "${log##*/}"
        head -n 40 "$log" | sed 's/^/    | /'
    done
}
