# SPDX-License-Identifier: BSD-2-Clause
# fish completion for divert-run(1). Options and their descriptions come from "divert-run --help"; inside
# the quotes of a rule its words are completed one by one.

# Words of ipfw(8) and of pf.conf(5); the same in all three files of packaging/completion.
set -g __divert_run_ipfw 'accept allow antispoof any call check-state count deny divert diverted diverted-loopback diverted-output drop dscp dst-ip dst-port established ext6hdr flow flow-id frag from gid icmp icmp6 icmp6types icmptypes in ip ip4 ip6 ipid iplen ipoptions ipprecedence iptos ipttl ipversion keep-state limit log lookup me me6 not or out pass permit prob proto reass record-state recv reject reset reset6 return set set-limit setdscp setup skipto sockarg src-ip src-port table tag tagged tcp tcp-setmss tcpack tcpdatalen tcpflags tcpmss tcpoptions tcpseq tcpwin tee to udp uid unreach unreach6 untag verrevpath via xmit'
set -g __divert_run_pf 'all allow-opts antispoof any block divert-packet divert-to drop egress flags for from group icmp icmp-type icmp6 icmp6-type in inet inet6 keep label log match max-pkt-rate modulate no on out pass port prio probability proto quick received-on return return-icmp return-rst self set state synproxy table tag tagged tcp to tos udp urpf-failed user'

# __divert_run_rule WORDS: the rule that is being typed, with each word that may be its last.
function __divert_run_rule
    set -l before (commandline -ct | string replace -r '^(--[a-z-]+=)?["\']?' '' | string match -r '^.* ')
    for word in (string split ' ' -- $argv[1])
        echo "$before$word"
    end
end

# What completes the value of an option with that metavariable.
function __divert_run_value
    switch $argv[1]
        case backend
            echo 'auto nft iptables'
        case personality
            echo 'freebsd openbsd'
        case mark-mask
            echo '0xffff0000 0x00ffff00 0x0000ffff'
        case pf
            echo '(__divert_run_rule $__divert_run_pf)'
        case rule
            echo '(__divert_run_rule $__divert_run_ipfw)'
    end
end

# __divert_run_names NAME...: options as complete(1) wants them, "-r" as "-s r" and "--rule" as "-l rule".
function __divert_run_names
    for name in $argv
        string match -q -- '--*' $name; and printf '%s\n' -l; or printf '%s\n' -s
        string replace -r '^-+' '' -- $name
    end
end

# __divert_run_option NAMES TEXT: one line of --help, such as "-r, --rule RULE" and its description.
function __divert_run_option
    set -l meta (string match -r '\[=[A-Z]+\]$| [A-Z]+$' -- $argv[1])
    set -l names (string replace -r '\[=[A-Z]+\]$| [A-Z]+$' '' -- $argv[1] | string split ', ')
    set -l value (__divert_run_value (string replace -r '^-+' '' -- $names[-1]))
    if test -z "$meta"
        # Names without a value, such as "-v, -q", are options of their own.
        for name in $names
            complete -c divert-run (__divert_run_names $name) -d $argv[2]
        end
    else if string match -q '[=FILE*' -- $meta
        complete -c divert-run (__divert_run_names $names) -a '(__fish_complete_path)' -d $argv[2]
    else if string match -q '[*' -- $meta
        complete -c divert-run (__divert_run_names $names) -d $argv[2]
    else if test -n "$value"
        complete -c divert-run (__divert_run_names $names) -x -a $value -d $argv[2]
    else if string match -q '*FILE*' -- $meta
        complete -c divert-run (__divert_run_names $names) -r -F -d $argv[2]
    else
        complete -c divert-run (__divert_run_names $names) -x -d $argv[2]
    end
end

set -g __divert_run_with_value -r -f
for line in (divert-run --help 2>/dev/null | string match -r '^ +-.*')
    set -l parts (string match -r '^ +(-\S+(?: \S+)*)(?:\s{2,}(.*))?$' -- $line)
    __divert_run_option $parts[2] "$parts[3]"
    set -a __divert_run_with_value (string match -r -g '(--\S+) [A-Z]+$' -- $parts[2])
end
# The values of these options are not the command.
complete -c divert-run -x -a '(__fish_complete_subcommand $__divert_run_with_value)'
