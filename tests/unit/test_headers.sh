#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Each header of include/divertshim compiles alone, with all others in both orders, and with the system
# headers that they wrap, in C and in C++; and they declare what sources of FreeBSD need.

ROOT=$(cd "$(dirname "$0")/../.." && pwd)
HEADERS=$ROOT/include/divertshim
FAILURES=0

skip() {
    printf 'SKIP: %s\n' "$*"
    exit 77
}

pkg-config --exists libbsd-overlay || skip 'no libbsd-overlay.pc: install libbsd-dev'
read -r -a BSD_FLAGS < <(pkg-config --cflags libbsd-overlay)

# Not bits/: it is for <sys/socket.h> to include.
mapfile -t NAMES < <(cd "$HEADERS" && find . -name '*.h' ! -path './bits/*' -printf '%P\n' | sort)

# BSD's headers: the others are the kernel's.
mapfile -t BSD < <(printf '%s\n' "${NAMES[@]}" | grep -v -E '^(asm|linux)/')
mapfile -t REVERSED < <(printf '%s\n' "${BSD[@]}" | tac)

# compiles WHAT COMPILER FLAG...: the source on the standard input.
compiles() {
    local what=$1 compiler=$2 output
    shift 2
    if ! output=$($compiler -Wall -Wextra -Werror -fsyntax-only -isystem "$HEADERS" "$@" - 2>&1); then
        FAILURES=$((FAILURES + 1))
        printf 'FAIL: %s: %s %s\n%s\n' "$what" "$compiler" "$*" "$(head -n 8 <<<"$output")"
    fi
}

include_all() {
    printf '#include <%s>\n' "$@"
}

# Names shared with the kernel's headers have their BSD meaning.
expect_bsd() {
    printf '#if RTM_NEWADDR != 0xc || RTAX_MAX != 8 || CTL_NET != 4\n#error "not the meaning of BSD"\n#endif\n'
    printf 'int bsd[RTA_DST == 1 && RTA_GATEWAY == 2 ? 1 : -1];\n'
}

# The kernel's <linux/if.h>, which others of its headers include, must come after <net/if.h>, as it
# must without these headers.
KERNEL=(linux/rtnetlink.h linux/sysctl.h)
KERNEL_BEHIND=(linux/if.h linux/icmp.h linux/in.h linux/in6.h linux/netlink.h)

# Both of ICMP's structures, whichever of the kernel's header and BSD's comes first. musl wants its
# <netinet/in.h> before any header of the kernel.
expect_icmp() {
    printf '#include <sys/types.h>\n#ifndef __GLIBC__\n#include <netinet/in.h>\n#endif\n'
    include_all "$@" netinet/ip_icmp.h stdio.h
    printf 'int icmp[sizeof(struct icmphdr) == 8 && sizeof(struct icmp) >= 28 ? 1 : -1];\n'
    printf 'int codes[ICMP_DEST_UNREACH == ICMP_UNREACH && ICMP_FRAG_NEEDED == ICMP_UNREACH_NEEDFRAG ? 1 : -1];\n'
    printf 'int skip = ICMP_SKIP;\n'
}

# try_all COMPILER FLAG...
try_all() {
    local name
    for name in "${NAMES[@]}"; do
        compiles "$name alone" "$@" < <(include_all "$name" stdio.h)
    done
    compiles 'netinet/ip_icmp.h' "$@" < <(expect_icmp)
    compiles 'netinet/ip_icmp.h, then linux/icmp.h' "$@" < <(expect_icmp netinet/ip_icmp.h linux/icmp.h)
    compiles 'linux/icmp.h, then netinet/ip_icmp.h' "$@" < <(expect_icmp linux/icmp.h)
    compiles 'all together' "$@" < <(include_all "${BSD[@]}" "${KERNEL[@]}" "${KERNEL_BEHIND[@]}" && expect_bsd)
    compiles 'all together, the other way round' "$@" < \
        <(include_all "${KERNEL[@]}" "${REVERSED[@]}" "${KERNEL_BEHIND[@]}" && expect_bsd)
}

# $TEST_COMPILER is the one to try, if not those that are installed: tests/musl/run has its own.
LANGUAGES=('gcc -x c' 'clang -x c' 'g++ -x c++' 'clang++ -x c++')
[[ -z ${TEST_COMPILER:-} ]] || LANGUAGES=("$TEST_COMPILER -x c" "$TEST_COMPILER -x c++")

compilers=0
for language in "${LANGUAGES[@]}"; do
    if ! command -v "${language%% *}" >/dev/null; then
        printf 'not with %s: no such command\n' "${language%% *}"
        continue
    fi
    compilers=$((compilers + 1))
    try_all "$language" "${BSD_FLAGS[@]}"
    try_all "$language" "${BSD_FLAGS[@]}" -D_GNU_SOURCE -O2 -D_FORTIFY_SOURCE=2
    compiles 'all together, without libbsd' "$language" -D_GNU_SOURCE < <(include_all "${BSD[@]}")
    [[ $language == *++* ]] ||
        compiles 'what sources of FreeBSD use' "$language" "${BSD_FLAGS[@]}" <"$ROOT/tests/unit/headers_use.c"
    [[ $language == *++* ]] || compiles 'the same as FreeBSD' "$language" -include divertshim/freebsd.h "${BSD_FLAGS[@]}" \
        <"$ROOT/tests/unit/headers_use.c"
done
((compilers > 0)) || skip 'no compiler'
printf '%d headers, %d compilers, %d failures\n' ${#NAMES[@]} $compilers $FAILURES
((FAILURES == 0))
