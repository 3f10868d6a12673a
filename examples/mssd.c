/*
 * mssd: makes the ends of TCP connections send segments no larger than an
 * interface takes, in the manner of tcpmssd.
 *
 *     mssd [-v] -p PORT -i INTERFACE | -m MSS
 *
 *         ipfw add divert 1234 tcp from any to any via tun0 setup
 *         mssd -p 1234 -i tun0
 *
 * With -i the largest segment is the interface's MTU without the headers, and
 * follows changes of the MTU.
 */
#include <sys/cdefs.h>
__FBSDID("$divertshim$");

#include "bsd_interface.h"

#include <sys/param.h>
#include <sys/endian.h>
#include <sys/socket.h>
#include <netinet/in_systm.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <machine/in_cksum.h>

#include <err.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEADERS_LEN (sizeof(struct ip) + sizeof(struct tcphdr))

static union {
    struct ip ip;
    u_char bytes[IP_MAXPACKET];
} packet;

static u_int max_mss;
static int verbose;

static void usage(void) __dead2;

static void usage(void)
{
    fprintf(stderr, "usage: %s [-v] -p port -i interface | -m mss\n", getprogname());
    exit(2);
}

static u_int parse_mss(const char *text)
{
    const char *wrong;
    long long mss = strtonum(text, 1, 65535, &wrong);

    if (wrong != NULL)
        errx(2, "not a segment size: %s: %s", text, wrong);
    return (u_int)mss;
}

static int take_mtu(const char *name)
{
    struct bsd_interface interface;

    interface_look_up(name, &interface);
    if (interface.index == 0)
        errx(1, "no interface %s", name);
    if (interface.mtu <= (int)HEADERS_LEN)
        errx(1, "%s has an mtu of %d", name, interface.mtu);
    max_mss = MIN((u_int)interface.mtu - HEADERS_LEN, 65535u);
    printf("%s: mtu %d, largest segment %u\n", name, interface.mtu, max_mss);
    fflush(stdout);
    return interface.index;
}

/* The first option of a kind, or NULL if there is none or the options are broken. */
static u_char *find_option(u_char *p, const u_char *end, int kind)
{
    while (p < end && *p != TCPOPT_EOL) {
        int len = *p == TCPOPT_NOP ? 1 : end - p >= 2 ? p[1] : 0;

        if (len < 1 || len > end - p || (*p != TCPOPT_NOP && len < 2))
            return NULL;
        if (*p == kind)
            return p;
        p += len;
    }
    return NULL;
}

/* RFC 1624. What starts at an odd offset is summed with its bytes swapped. */
static void adjust_checksum(struct tcphdr *tcp, u_short old, u_short changed, int odd)
{
    u_short sum = (u_short)~tcp->th_sum;

    sum = in_addword(sum, (u_short) ~(odd ? bswap16(old) : old));
    sum = in_addword(sum, odd ? bswap16(changed) : changed);
    tcp->th_sum = (u_short)~sum;
}

static void clamp(struct tcphdr *tcp, size_t len)
{
    u_char *start = (u_char *)tcp, *option;
    u_short old, changed = htons((u_short)max_mss);

    if (len < sizeof(*tcp) || (tcp->th_flags & TH_SYN) == 0 || tcp->th_off * 4u > len)
        return;
    option = find_option(start + sizeof(*tcp), start + tcp->th_off * 4u, TCPOPT_MAXSEG);
    if (option == NULL || option[1] != TCPOLEN_MAXSEG)
        return;
    memcpy(&old, option + 2, sizeof(old));
    if (ntohs(old) <= max_mss)
        return;
    memcpy(option + 2, &changed, sizeof(changed));
    adjust_checksum(tcp, old, changed, (int)(option - start) & 1);
    if (verbose)
        printf("segment size %u made %u\n", ntohs(old), max_mss);
}

/* The sum over pseudo header and segment, for option -v: 0xffff if the checksum is right. */
static u_short sum_of(size_t len)
{
    size_t header_len = packet.ip.ip_hl * 4u;
    u_short sum = in_pseudo(packet.ip.ip_src.s_addr, packet.ip.ip_dst.s_addr,
                            htons((u_short)(len - header_len + IPPROTO_TCP)));
    size_t i;

    packet.bytes[len] = 0;
    for (i = header_len; i < len; i += 2) {
        u_short word;

        memcpy(&word, packet.bytes + i, sizeof(word));
        sum = in_addword(sum, word);
    }
    return sum;
}

static void pass_one(int fd)
{
    struct sockaddr_in sin;
    socklen_t sin_len = sizeof(sin);
    ssize_t len =
        recvfrom(fd, packet.bytes, sizeof(packet.bytes) - 1, 0, (struct sockaddr *)&sin, &sin_len);
    size_t header_len = packet.ip.ip_hl * 4u;

    if (len == -1) {
        if (errno != EINTR)
            err(1, "recvfrom");
        return;
    }
    if (packet.ip.ip_v == 4 && packet.ip.ip_p == IPPROTO_TCP && header_len <= (size_t)len &&
        (ntohs(packet.ip.ip_off) & IP_OFFMASK) == 0) {
        clamp((struct tcphdr *)(void *)(packet.bytes + header_len), (size_t)len - header_len);
        if (verbose && sum_of((size_t)len) != 0xffff)
            warnx("a wrong checksum");
    }
    sin.sin_len = sizeof(sin);
    if (sendto(fd, packet.bytes, (size_t)len, 0, (struct sockaddr *)&sin, sin.sin_len) == -1)
        warn("sendto");
}

int main(int argc, char *argv[])
{
    struct pollfd fds[2] = {{-1, POLLIN, 0}, {-1, POLLIN, 0}};
    const char *name = NULL, *port = NULL;
    int index = 0, option;

    while ((option = getopt(argc, argv, "i:m:p:v")) != -1) {
        switch (option) {
        case 'i':
            name = optarg;
            break;
        case 'm':
            max_mss = parse_mss(optarg);
            break;
        case 'p':
            port = optarg;
            break;
        case 'v':
            verbose = 1;
            break;
        default:
            usage();
        }
    }
    if (optind != argc || port == NULL || (name == NULL) == (max_mss == 0))
        usage();

    if (name != NULL) {
        fds[1].fd = interface_open_news();
        index = take_mtu(name);
    }
    fds[0].fd = interface_open_divert(interface_divert_port(port));
    for (;;) {
        if (poll(fds, 2, -1) == -1 && errno != EINTR)
            err(1, "poll");
        if ((fds[1].revents & POLLIN) != 0 && interface_news(fds[1].fd, index))
            take_mtu(name);
        if ((fds[0].revents & POLLIN) != 0)
            pass_one(fds[0].fd);
    }
}
