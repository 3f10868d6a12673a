/* SPDX-License-Identifier: BSD-2-Clause */
/* Compiled, not run: uses the headers as sources of FreeBSD do. */
#include <sys/cdefs.h>
__FBSDID("$FreeBSD$");
__RCSID("$Id$");

#include <arpa/inet.h>
#include <machine/cpu.h>
#include <machine/cpufunc.h>
#include <machine/in_cksum.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <net/if_dl.h>
#include <net/if_types.h>
#include <net/if_var.h>
#include <net/route.h>
#include <netinet/in.h>
#include <netinet/in_systm.h>
#include <netinet/ip.h>
#include <netinet/ip_fw.h>
#include <netinet/ip_icmp.h>
#include <netinet/ip_var.h>
#include <netinet/sctp.h>
#include <netinet/sctp_header.h>
#include <netinet/tcp.h>
#include <netinet/tcpip.h>
#include <netinet/udp.h>
#include <osreldate.h>
#include <sys/endian.h>
#include <sys/filio.h>
#include <sys/param.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/sockio.h>
#include <sys/sysctl.h>
#include <sys/time.h>
#include <sys/types.h>
#include <sys/un.h>

#define SYSLOG_NAMES
#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <ifaddrs.h>
#include <libutil.h>
#include <netdb.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#if !defined(_NETINET_IP_H_) || !defined(_NETINET_TCP_H_) || !defined(_NETINET_UDP_H_)
#error "sources ask by these names what has been included"
#endif

struct packed {
    u_char first;
    u_int second;
} __packed;

LIST_HEAD(, entry) entries = LIST_HEAD_INITIALIZER(entries);

struct entry {
    LIST_ENTRY(entry) list;
};

void complain(const char *format, ...) __printflike(1, 2);
void give_up(int signal_number) __dead2;
int unused_argument(int argument __unused);
int sockets(void);
int addresses(const struct sockaddr *sa);
u_int headers(const struct ip *ip, const struct tcphdr *tcp, const struct udphdr *udp,
              const struct icmp *icmp);
void rules(int fd, struct in_addr address);
int requests(int fd);
int identity(void);
char *words(const char *text);

void give_up(int signal_number)
{
    syslog(LOG_ALERT, "%s: %d, %s (%m)", getprogname(), signal_number, facilitynames[0].c_name);
    exit(1);
}

int unused_argument(int argument __unused)
{
    return sizeof(struct packed) == 5 && __predict_true(LIST_EMPTY(&entries));
}

/* The members' names are no macros: variables may have them. */
int sockets(void)
{
    struct sockaddr_in sin = {.sin_len = sizeof(sin), .sin_family = AF_INET};
    struct sockaddr_in6 sin6 = {.sin6_len = sizeof(struct sockaddr_in6), .sin6_family = AF_INET6};
    struct sockaddr_un sun;
    struct sockaddr_storage ss;
    socklen_t sin_len = sin.sin_len, sa_len = sizeof(sin6), one = 1;
    int fd = socket(PF_DIVERT, SOCK_RAW, 0);

    memset(&sun, 0, sizeof(sun));
    sun.sun_len = (u_char)SUN_LEN(&sun);
    memcpy(&ss, &sin6, sizeof(sin6));
    ss.ss_len = sizeof(sin6);
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT_LB, &one, sizeof(one));
    if (bind(fd, (struct sockaddr *)&sin, sin_len) == -1)
        return socket(PF_INET, SOCK_RAW, IPPROTO_DIVERT);
#ifdef __GLIBC__ /* musl has no such call */
    if (bindresvport(fd, &sin) == -1)
        return fd;
#endif
    return socket(PF_ROUTE, SOCK_RAW, 0) + (int)sa_len;
}

int addresses(const struct sockaddr *sa)
{
    const struct sockaddr_dl *sdl = (const struct sockaddr_dl *)(const void *)sa;
    struct rt_addrinfo info;
    struct rt_msghdr rtm;

    memset(&info, 0, sizeof(info));
    memset(&rtm, 0, sizeof(rtm));
    rtm.rtm_version = RTM_VERSION;
    rtm.rtm_type = RTM_GET;
    rtm.rtm_addrs = RTA_DST | RTA_IFP;
    if (sa->sa_family != AF_LINK || sdl->sdl_type != IFT_ETHER || sdl->sdl_alen != ETHER_ADDR_LEN)
        return (int)SA_SIZE(sa);
    return *LLADDR(sdl) + info.rti_addrs + (int)rtm.rtm_rmx.rmx_mtu;
}

u_int headers(const struct ip *ip, const struct tcphdr *tcp, const struct udphdr *udp,
              const struct icmp *icmp)
{
    struct tcpiphdr both;
    u_int sum = in_cksum_hdr(ip);

    memset(&both, 0, sizeof(both));
    both.ti_sport = tcp->th_sport;
    sum += in_pseudo(ip->ip_src.s_addr, ip->ip_dst.s_addr, htons(IPPROTO_TCP + 20));
    sum += in_addword(udp->uh_sum, icmp->icmp_cksum);
    if (tcp->th_flags & (TH_SYN | TH_ECE | TH_CWR))
        sum += bswap16(tcp->th_win) + tcp->th_off + both.ti_sport;
    return sum + icmp->icmp_ip.ip_hl + ICMP_UNREACH_NEEDFRAG + sizeof(struct ippseudo);
}

/* A rule made of instructions, as for a hole in the firewall. */
void rules(int fd, struct in_addr address)
{
    union {
        struct ip_fw rule;
        u_int32_t words[64];
    } u;
    ipfw_insn_ip *ip = (ipfw_insn_ip *)(void *)u.rule.cmd;
    ipfw_insn_u16 *port = (ipfw_insn_u16 *)(void *)(u.rule.cmd + F_INSN_SIZE(ipfw_insn_ip));

    memset(&u, 0, sizeof(u));
    u.rule.rulenum = 1000;
    ip->o.opcode = O_IP_SRC;
    ip->o.len = F_INSN_SIZE(ipfw_insn_u32);
    ip->addr = address;
    port->o.opcode = O_IP_DSTPORT;
    port->o.len = F_INSN_SIZE(ipfw_insn_u16) | F_NOT;
    port->ports[0] = port->ports[1] = 21;
    u.rule.act_ofs = F_LEN(&ip->o) + F_LEN(&port->o);
    ACTION_PTR(&u.rule)->opcode = O_ACCEPT;
    u.rule.cmd_len = u.rule.act_ofs + 1;
    if (setsockopt(fd, IPPROTO_IP, IP_FW_ADD, &u.rule, (socklen_t)RULESIZE(&u.rule)) == -1)
        setsockopt(fd, IPPROTO_IP, IP_FW_DEL, &u.rule.rulenum, sizeof(u.rule.rulenum));
}

int requests(int fd)
{
    int mib[CTL_MAXNAME] = {CTL_NET, PF_ROUTE, 0, AF_INET, NET_RT_IFLIST, 0}, value, bytes;
    struct ifreq request;
    size_t len = sizeof(value);
    char name[IFNAMSIZ];

    memset(&request, 0, sizeof(request));
    strlcpy(request.ifr_name, "em0", sizeof(request.ifr_name));
    if (ioctl(fd, SIOCGIFMTU, &request) == -1 || ioctl(fd, FIONREAD, &bytes) == -1)
        warn("%s", strlcpy(name, request.ifr_name, sizeof(name)) ? name : "");
    if (sysctlbyname("net.inet.ip.forwarding", &value, &len, NULL, 0) == -1)
        return sysctl(mib, 6, NULL, &len, NULL, 0);
    return request.ifr_mtu + value + ntohs((u_short)getservbyname("natd", "divert")->s_port);
}

int identity(void)
{
    uid_t real, effective, saved;
    gid_t group = 1;
    int fds[2];

    if (setgroups(1, &group) == -1 || setresgid(group, group, group) == -1 ||
        getresuid(&real, &effective, &saved) == -1 || pipe2(fds, 0) == -1)
        return -1;
    return setresuid(real, real, real);
}

char *words(const char *text)
{
    char *copy;

    if (asprintf(&copy, "%s%s", text, strchrnul(text, 'x')) == -1)
        return NULL;
    if (memmem(copy, strlen(copy), "y", 1) || memrchr(copy, 'z', 3))
        return strcasestr(copy, text);
    return copy;
}
