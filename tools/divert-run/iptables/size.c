/* SPDX-License-Identifier: BSD-2-Clause */
/* Asks the kernel how large the tables of iptables-legacy are, without a tool. */
#include "iptables/private.h"

#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void ask_size(int six, const char *table, struct iptables_size *size)
{
    struct ipt_getinfo info = {0}; /* that of ip6_tables is the same */
    int fd = socket(six ? AF_INET6 : AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);
    socklen_t len = sizeof(info);

    _Static_assert(sizeof(struct ipt_getinfo) == sizeof(struct ip6t_getinfo), "one for both");
    if (fd < 0)
        return;
    strncpy(info.name, table, sizeof(info.name) - 1);
    if (getsockopt(fd, six ? IPPROTO_IPV6 : IPPROTO_IP, six ? IP6T_SO_GET_INFO : IPT_SO_GET_INFO,
                   &info, &len) == 0)
        *size = (struct iptables_size){info.num_entries, info.size};
    close(fd);
}

void iptables_legacy_sizes(struct iptables_size sizes[4])
{
    for (int i = 0; i < 4; i++) {
        sizes[i] = (struct iptables_size){0};
        if (iptables_has_table(&iptables_kinds[KIND_LEGACY], i / 2, iptables_tables[i % 2]))
            ask_size(i / 2, iptables_tables[i % 2], &sizes[i]);
    }
}
