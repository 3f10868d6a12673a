#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# divert-run refuses what it cannot do, says which word is wrong or what to do, and changes nothing.
# shellcheck source-path=SCRIPTDIR source=../lib/built.sh
. "$(dirname "$0")/../lib/built.sh"

need_divert_run
need_commands setpriv unshare iptables-save
hosts_make route-back
GOOD='divert 8000 icmp from any to any'

# expect_refused WHAT STATUS MESSAGE PREFIX... -- ARGUMENT...: the command must not run either.
expect_refused() {
    local what=$1 status=$2 message=$3 prefix=() error
    shift 3
    while [[ $1 != -- ]]; do
        prefix+=("$1")
        shift
    done
    shift
    error=$(in_ns "$ROUTER" "${prefix[@]}" "${COPY:-$DIVERT_RUN}" "$@" -- touch "$SCRATCH/ran" 2>&1 >/dev/null)
    expect_equal "$what: exit status" "$status" $?
    expect_contains "$what: what it says" "$message" "$error"
    expect_equal "$what: the line starts with the program's name" 'divert-run: ' "${error:0:12}"
    expect_failure "$what: the command was not run" test -e "$SCRATCH/ran"
    expect_no_rules "$ROUTER"
}

# expect_wrong_word WORD RULE: the rule is refused, for that word.
expect_wrong_word() {
    expect_refused "$2" 2 "'$1'" -- -r "$2"
}

test_wrong_words() {
    expect_wrong_word 99999 'divert 99999 ip from any to any'
    expect_wrong_word 0 'divert 0 ip from any to any'
    expect_wrong_word too 'divert 8000 ip from any too any'
    expect_wrong_word form 'divert 8000 ip form any to any'
    expect_wrong_word dvert 'dvert 8000 ip from any to any'
    expect_wrong_word 10.0.0.300 'divert 8000 ip from 10.0.0.300 to any'
    expect_wrong_word 10.0.0.0/33 'divert 8000 ip from 10.0.0.0/33 to any'
    expect_wrong_word 70000 'divert 8000 tcp from any to any 70000'
    expect_wrong_word layer2 'divert 8000 tcp from any to any layer2'
    expect_refused 'dynamic rules with iptables' 2 'iptables has no dynamic rules; use --backend nft' \
        -- --backend iptables -r 'divert 8000 tcp from any to any keep-state'
    expect_wrong_word sideways 'divert 8000 ip from any to any sideways'
    expect_wrong_word 70000 '70000 divert 8000 ip from any to any'
    expect_refused 'half a rule' 2 'end of the rule' -- -r 'divert 8000 ip from any to'
    expect_refused 'no rule at all' 2 'empty' -- -r ''
    expect_refused 'the second rule of two' 2 "rule 2: 'too'" -- -r "$GOOD" -r 'allow ip from any too any'
    printf '%s\n\nallow ip from any too any\n' "$GOOD" >"$SCRATCH/rules"
    expect_refused 'a rule in a file' 2 "rules:3: 'too'" -- -f "$SCRATCH/rules"
    printf 'allow ip from any too any\n%s\nallow\n' "$GOOD" >"$SCRATCH/rules"
    expect_refused 'the first bad rule of a file' 2 "rules:1: 'too'" -- -f "$SCRATCH/rules"
    expect_refused 'and the second' 2 'rules:3: expected a protocol' -- -f "$SCRATCH/rules"
    expect_refused 'and how many' 2 'rules: 2 of 3 lines were rejected; none is used' -- -f "$SCRATCH/rules"
    expect_refused 'alternatives that would be counted twice' 2 'alternatives in braces' \
        -- -r 'count { tcp or udp } from any to any'
    expect_refused 'no such file' 2 "$SCRATCH/nowhere" -- -f "$SCRATCH/nowhere"
    expect_refused 'no such option' 2 --no-such -- --no-such -r "$GOOD"
    expect_refused 'no such backend' 2 "'pf'" -- --backend pf -r "$GOOD"
    expect_refused 'tags without bits of the mark' 2 'such as --tag-mask 0x0001' \
        -- -r "$GOOD" -r 'count tag 5 ip from any to any'
    expect_refused 'bits of both kinds of tags' 2 'expected bits that are not in --mark-mask' \
        -- --tag-mask 0x10000 -r "$GOOD"
    expect_refused 'IP options with iptables' 2 'iptables has no match for IP options' \
        -- --backend iptables -r 'deny ip from any to any ipoptions rr'
    expect_refused 'a mask of other than 16 bits' 2 "'0xff'" -- --mark-mask 0xff -r "$GOOD"
}

# No part of a rule reaches a shell, or is taken for syntax of the packet filter.
test_hostile_words() {
    local name
    for name in "x;\$(touch $SCRATCH/x)" "\$(touch\${IFS}$SCRATCH/x)" 'x";drop;"' "x'y" 'x"y' 'x\y' \
        'x;y' 'x}y' 'x{y' '!x' 'x+' 'x*y' '..' 'name-with-sixteen' $'x\x01y' $'x\x7fy' 'x√y' ''; do
        expect_refused "via <$name>" 2 'interface name' -- -r "divert 8000 ip from any to any via $name"
    done
    expect_refused 'two lines' 2 'one line' -- -r $'divert 8000 ip from any to any via x\n-A INPUT -j DROP'
    expect_refused 'a second rule behind a semicolon' 2 "'any;'" \
        -- -r "divert 8000 ip from any to any; touch $SCRATCH/x"
    expect_wrong_word "\$(touch" "divert 8000 ip from \$(touch $SCRATCH/x) to any"
    expect_wrong_word '-j' 'divert 8000 ip from any to any -j ACCEPT'
    expect_failure 'nothing of it was run' test -e "$SCRATCH/x"
}

# Names that Linux allows, and comments, are taken literally.
test_odd_words() {
    local word
    for word in "\$(id>&2)" "\`id>&2\`" 'a|id' 'a&id' '-j' '--help' '%s%n' 'a#b' 'a,b'; do
        in_ns "$ROUTER" "$DIVERT_RUN" -q "${BACKEND_OPTION[@]}" \
            -r "divert 8000 ip from any to any via $word // $word \"'\\;{}" true >"$SCRATCH/log-odd" 2>&1
        expect_equal "via $word: exit status" 0 $?
        expect_equal "via $word: nothing is said" '' "$(cat "$SCRATCH/log-odd")"
    done
    expect_no_rules "$ROUTER"
}

# The build may lie where only root can read it.
copy_make() {
    local copy=$SCRATCH/copy
    mkdir -p "$copy"
    cp "$DIVERT_RUN" "$LIBRARY" "$copy"
    chmod 755 "$SCRATCH" "$copy" "$copy"/*
    COPY=$copy/divert-run
}

test_no_root() {
    copy_make
    expect_refused 'another user' 125 'as root' \
        setpriv --reuid=65534 --regid=65534 --clear-groups -- -r "$GOOD"
    expect_refused 'root without capabilities' 125 'this root lacks it' \
        setpriv --inh-caps=-all --bounding-set=-all -- -r "$GOOD"
    expect_refused 'another user cleans up' 125 'as root' \
        setpriv --reuid=65534 --regid=65534 --clear-groups -- --cleanup
    COPY=''
}

# can_make_user_namespaces PREFIX...: the kernel makes none in a chroot.
can_make_user_namespaces() {
    "$@" unshare --user --map-root-user true 2>/dev/null && return
    printf -- '-- not with user namespaces: they cannot be made here\n'
    return 1
}

# Root of a user namespace has CAP_NET_ADMIN, but not in a network namespace of another user namespace.
test_root_of_another_namespace() {
    local user=(setpriv --reuid=65534 --regid=65534 --clear-groups)
    local foreign=("${user[@]}" unshare --user --map-root-user)
    can_make_user_namespaces "${user[@]}" || return 0
    copy_make
    expect_refused 'root of another namespace' 125 'does not own the network namespace' \
        "${foreign[@]}" -- -r "$GOOD"
    expect_refused 'root of another namespace cleans up' 125 'does not own the network namespace' \
        "${foreign[@]}" -- --cleanup
    if [[ ! -e /proc/net/netfilter/nfnetlink_queue ]]; then # nobody has used a queue yet
        printf -- '-- not what is said of its sockets: the module nfnetlink_queue is not loaded\n'
        COPY=''
        return
    fi
    expect_contains 'root of another namespace wants to see the sockets' 'not to root of a user namespace' \
        "$(in_ns "$ROUTER" "${foreign[@]}" "$COPY" --status 2>&1)"
    expect_contains 'the same for a network namespace of its own' 'not to root of a user namespace' \
        "$("${foreign[@]}" --net "$COPY" --status 2>&1)"
    COPY=''
}

# Where root's processes are hidden, the user is told.
test_status_of_hidden_processes() {
    can_make_user_namespaces || return 0
    run_start "$ROUTER" 8000 "$EXAMPLES/printer" -p 8000
    expect_contains 'root of another namespace is told that it does not see all' 'were not examined' \
        "$(in_ns "$ROUTER" unshare --user --map-root-user "$DIVERT_RUN" --status 2>&1)"
    run_stop
}

test_no_tools() {
    # shellcheck disable=SC2016
    local bare=(unshare --mount sh -c 'for directory in /sbin /usr/sbin /usr/local/sbin; do
            [ ! -d "$directory" ] || mount -t tmpfs none "$directory" || exit
        done
        printf "#!/bin/sh\nexit 3\n" >/usr/sbin/$0 && chmod +x /usr/sbin/$0 && exec "$@"')
    expect_refused 'no tools at all' 125 'neither nft nor iptables is installed' "${bare[@]}" none -- -r "$GOOD"
    expect_refused 'no nft' 125 'nft is not installed' "${bare[@]}" none -- --backend nft -r "$GOOD"
    expect_refused 'no iptables' 125 'iptables is not installed' "${bare[@]}" none -- --backend iptables -r "$GOOD"
    expect_refused 'an nft that fails without a word' 125 'nft failed with status 3' "${bare[@]}" nft -- -r "$GOOD"
    expect_refused 'and no iptables' 125 'iptables is not installed' "${bare[@]}" nft -- -r "$GOOD"
}

test_no_proc() {
    # shellcheck disable=SC2016
    local bare=(unshare --mount --pid --fork sh -c 'umount -l /proc && exec "$@"' -) what
    expect_refused 'no /proc' 125 '/proc is not mounted' "${bare[@]}" -- -r "$GOOD"
    expect_refused 'no /proc, and no rules' 125 '/proc is not mounted' "${bare[@]}" --
    for what in --status --cleanup; do
        expect_contains "no /proc, $what" '/proc is not mounted' \
            "$(in_ns "$ROUTER" "${bare[@]}" "$DIVERT_RUN" "$what" 2>&1)"
    done
}

# expect_no_program WHAT MESSAGE PROGRAM
expect_no_program() {
    local said
    said=$(in_ns "$ROUTER" "$DIVERT_RUN" -r "$GOOD" -- "$3" 2>&1)
    expect_equal "$1: exit status" 126 $?
    expect_contains "$1: what it says" "$2" "$said"
    expect_equal "$1: lines" 1 "$(wc -l <<<"$said")"
    expect_no_rules "$ROUTER"
}

test_programs_that_cannot_start() {
    printf '#!%s/nowhere/sh\n' "$SCRATCH" >"$SCRATCH/script"
    printf '#!/bin/sh\r\ntrue\r\n' >"$SCRATCH/dos"
    chmod +x "$SCRATCH/script" "$SCRATCH/dos"
    expect_no_program 'a script without its interpreter' \
        "its interpreter $SCRATCH/nowhere/sh: No such file or directory" "$SCRATCH/script"
    expect_no_program 'a script with line ends of DOS' 'its interpreter /bin/sh\x0d: No such file' "$SCRATCH/dos"
    expect_no_program 'a program without its loader' 'its interpreter /nowhere/ld.so: No such file' \
        "$BUILD/tests/needs_nowhere"
    expect_no_program 'a program of musl' 'it is a program of musl' "$BUILD/tests/needs_musl"
    expect_no_program 'a static program' 'link it dynamically' "$BUILD/tests/needs_no_loader"
    expect_no_program 'a program with AddressSanitizer' 'set ASAN_OPTIONS=verify_asan_link_order=0' \
        "$BUILD/tests/needs_asan"
    expect_success 'a program with AddressSanitizer that is told not to mind' env \
        ASAN_OPTIONS=detect_leaks=0:verify_asan_link_order=0 "$DIVERT_RUN" -- "$BUILD/tests/needs_asan"
}

# mock NAME: makes a command that answers as on a kernel without NFQUEUE.
mock() {
    local real
    real=$(command -v "$1") || return 0
    cat >"$SCRATCH/mocks/$1" <<END
#!/bin/bash
PATH=$SYSTEM_PATH
input=\$(cat)
case \$input in
*NFQUEUE*)
    echo 'Warning: Extension NFQUEUE revision 0 not supported, missing kernel module?' >&2
    case \$($real --version) in
    *nf_tables*) printf '%s: \nline 3: RULE_APPEND failed (No such file or directory): rule in chain x\n' "\$($real --version)" >&2; exit 4 ;;
    *) echo '$1: line 4 failed' >&2; exit 1 ;;
    esac ;;
*divert_probe*)
    printf '/dev/stdin:1:42-46: Error: Could not process rule: No such file or directory\n%s\n' "\$input" >&2
    exit 1 ;;
esac
exec $real "\$@" <<<"\$input"
END
    chmod +x "$SCRATCH/mocks/$1"
}

test_no_nfqueue() {
    local name PATH=$SYSTEM_PATH
    mkdir -p "$SCRATCH/mocks"
    for name in nft ip{,6}tables{,-legacy,-nft}-restore; do
        mock "$name"
    done
    PATH=$SCRATCH/mocks:$SYSTEM_PATH
    expect_refused 'a kernel without NFQUEUE' 125 "try 'modprobe -a nfnetlink_queue nft_queue xt_NFQUEUE'" \
        -- -r "$GOOD"
    expect_refused 'a kernel without NFQUEUE, for iptables' 125 'CONFIG_NETFILTER_XT_TARGET_NFQUEUE' \
        -- --backend iptables -r "$GOOD"
    expect_refused 'a kernel without nft queue' 125 'CONFIG_NFT_QUEUE' -- --backend nft -r "$GOOD"
}

test_interface_comes_later() {
    run_start "$ROUTER" 8000 "${BACKEND_OPTION[@]}" -r 'divert 8000 icmp from any to any in via late0' \
        "$EXAMPLES/printer" -p 8000
    expect_contains 'an interface that is not there' "there is no interface 'late0' now, only lo, " "$(cat "$RUN_LOG")"
    expect_contains 'the rule is installed all the same' 'late0' "$(rules_left "$ROUTER")"
    link_make "$CLIENT" late-end 10.2.0.2/24 "$ROUTER" late0 10.2.0.1/24
    expect_equal 'pings over it' 3 "$(ping_replies "$CLIENT" 10.2.0.1 3 -W 10)"
    expect_equal 'requests that the program saw' 3 "$(printed "$RUN_LOG")"
    ip -n "$ROUTER" link del late0
    run_stop
    expect_no_rules "$ROUTER"
}

run_tests test_wrong_words test_hostile_words test_no_root test_root_of_another_namespace \
    test_status_of_hidden_processes test_no_tools test_no_proc test_programs_that_cannot_start test_no_nfqueue
each_backend run_tests test_odd_words test_interface_comes_later
finish
