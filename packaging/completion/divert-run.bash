# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# bash completion for divert-run(1).
# Options come from "divert-run --help"; inside the quotes of a rule its words are completed one by one.

# Words of ipfw(8) and of pf.conf(5); the same in all three files of packaging/completion.
_divert_run_ipfw='accept allow antispoof any call check-state count deny divert diverted diverted-loopback diverted-output drop dscp dst-ip dst-port established ext6hdr flow flow-id frag from gid icmp icmp6 icmp6types icmptypes in ip ip4 ip6 ipid iplen ipoptions ipprecedence iptos ipttl ipversion keep-state limit log lookup me me6 not or out pass permit prob proto reass record-state recv reject reset reset6 return set set-limit setdscp setup skipto sockarg src-ip src-port table tag tagged tcp tcp-setmss tcpack tcpdatalen tcpflags tcpmss tcpoptions tcpseq tcpwin tee to udp uid unreach unreach6 untag verrevpath via xmit'
_divert_run_pf='all allow-opts antispoof any block divert-packet divert-to drop egress flags for from group icmp icmp-type icmp6 icmp6-type in inet inet6 keep label log match max-pkt-rate modulate no on out pass port prio probability proto quick received-on return return-icmp return-rst self set state synproxy table tag tagged tcp to tos udp urpf-failed user'

# "NAME METAVARIABLE" of each option, such as "--rule RULE", "--trace [=FILE]" or "--gso".
_divert_run_options() {
    "$1" --help 2>/dev/null | awk '/^ +-/ {
        sub(/^ +/, "")
        sub(/   *.*/, "")
        n = split($0, names, ", ")
        meta = ""
        if (match(names[n], /\[=.*\]| .*/)) {
            meta = substr(names[n], RSTART)
            sub(/^ /, "", meta)
            names[n] = substr(names[n], 1, RSTART - 1)
        }
        for (i = 1; i <= n; i++)
            print names[i], meta
    }'
}

# _divert_run_rule WORDS: completes the last word of the rule that is being typed.
_divert_run_rule() {
    local typed=${cur#[\"\']} last before
    last=${typed##* }
    before=${typed%"$last"}
    mapfile -t COMPREPLY < <(compgen -W "$1" -- "$last")
    COMPREPLY=("${COMPREPLY[@]/#/$before}")
    compopt -o nospace
}

# _divert_run_value OPTION METAVARIABLE
_divert_run_value() {
    case $1 in
    --backend) mapfile -t COMPREPLY < <(compgen -W 'auto nft iptables' -- "$cur") ;;
    --personality) mapfile -t COMPREPLY < <(compgen -W 'freebsd openbsd' -- "$cur") ;;
    --mark-mask) mapfile -t COMPREPLY < <(compgen -W '0xffff0000 0x00ffff00 0x0000ffff' -- "$cur") ;;
    --pf) _divert_run_rule "$_divert_run_pf" ;;
    -r | --rule) _divert_run_rule "$_divert_run_ipfw" ;;
    *) [[ $2 != *FILE* ]] || {
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
    } ;;
    esac
}

# The command that divert-run starts is completed as without divert-run.
_divert_run_command() {
    if declare -F _command_offset >/dev/null; then
        _command_offset "$1"
    elif ((COMP_CWORD == $1)); then
        mapfile -t COMPREPLY < <(compgen -c -f -- "$cur")
    else
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
    fi
}

_divert_run() {
    local cur=${COMP_WORDS[COMP_CWORD]} name meta word i script=''
    local -A options=()
    local IFS=$' \t\n'
    COMPREPLY=()
    while read -r name meta; do
        options[$name]=$meta
    done < <(_divert_run_options "$1")
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]}
        case $word in
        --)
            _divert_run_command $((i + 1))
            return
            ;;
        -*) ;;
        *)
            # After a script come its arguments, until "--".
            if [[ ! $script ]]; then
                _divert_run_command "$i"
                return
            fi
            ;;
        esac
        [[ $word != --ipfw-script ]] || script=yes
        # The value is the next word, or follows a word "=": bash splits --name=value.
        if [[ ${COMP_WORDS[i + 1]} == '=' ]] && ((i + 1 <= COMP_CWORD)); then
            if ((i + 2 >= COMP_CWORD)); then
                [[ $cur != '=' ]] || cur=''
                _divert_run_value "$word" "${options[$word]}"
                return
            fi
            i=$((i + 2))
        elif [[ -n ${options[$word]} && ${options[$word]} != '['* ]]; then
            if ((i + 1 == COMP_CWORD)); then
                _divert_run_value "$word" "${options[$word]}"
                return
            fi
            i=$((i + 1))
        fi
    done
    if [[ $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "${!options[*]}" -- "$cur")
    elif [[ $script ]]; then
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -f -- "$cur")
    else
        _divert_run_command "$COMP_CWORD"
    fi
}

complete -F _divert_run divert-run
