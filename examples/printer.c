/*
 * printer: prints one line for every packet diverted to a port and writes the
 * packet back unchanged. Grown from the example in OpenBSD's divert(4).
 *
 *     printer [-p PORT]
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <netinet/in_systm.h>
#include <netinet/ip.h>
#include <arpa/inet.h>

#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DIVERT_PORT 700

static union {
    struct ip ip;
    unsigned char bytes[IP_MAXPACKET];
} packet;

static void usage(void)
{
    fprintf(stderr, "usage: printer [-p port]\n");
    exit(2);
}

static unsigned short parse_port(const char *text)
{
    char *end;
    unsigned long port = strtoul(text, &end, 10);

    if (*text == '\0' || *end != '\0' || port < 1 || port > 65535)
        errx(2, "not a port: %s", text);
    return (unsigned short)port;
}

static int open_divert(unsigned short port)
{
    struct sockaddr_in sin;
    int fd = socket(PF_INET, SOCK_RAW, IPPROTO_DIVERT);

    if (fd == -1)
        err(1, "socket");
    memset(&sin, 0, sizeof(sin));
    sin.sin_family = AF_INET;
    sin.sin_port = htons(port);
    if (bind(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1)
        err(1, "bind to divert port %u", port);
    return fd;
}

/* An IPv4 packet with its whole header. */
static int packet_is_valid(size_t len)
{
    const struct ip *ip = &packet.ip;
    size_t header_len = ip->ip_hl * 4u;

    return len >= sizeof(*ip) && ip->ip_v == 4 && header_len >= sizeof(*ip) && header_len <= len;
}

/* Ports stand in the first four bytes of both TCP and UDP, in the first fragment only. */
static int has_ports(size_t len)
{
    const struct ip *ip = &packet.ip;

    return (ip->ip_p == IPPROTO_TCP || ip->ip_p == IPPROTO_UDP) &&
           (ntohs(ip->ip_off) & IP_OFFMASK) == 0 && ip->ip_hl * 4u + 4 <= len;
}

static void print_end(struct in_addr address, size_t port_offset, int with_port)
{
    char text[INET_ADDRSTRLEN];
    const unsigned char *port = packet.bytes + packet.ip.ip_hl * 4u + port_offset;

    inet_ntop(AF_INET, &address, text, sizeof(text));
    fputs(text, stdout);
    if (with_port)
        printf(":%u", port[0] << 8 | port[1]);
}

static void print_protocol(int number)
{
    if (number == IPPROTO_TCP)
        fputs(" tcp", stdout);
    else if (number == IPPROTO_UDP)
        fputs(" udp", stdout);
    else if (number == IPPROTO_ICMP)
        fputs(" icmp", stdout);
    else
        printf(" protocol %d", number);
}

/* divert(4): an outgoing packet has no address, the interface's name follows the address. */
static void print_packet(size_t len, const struct sockaddr_in *sin)
{
    const char *direction = sin->sin_addr.s_addr == INADDR_ANY ? "out" : "in";
    int with_ports = has_ports(len);

    printf("%-3s %.8s ", direction, sin->sin_zero[0] ? (const char *)sin->sin_zero : "-");
    print_end(packet.ip.ip_src, 0, with_ports);
    fputs(" -> ", stdout);
    print_end(packet.ip.ip_dst, 2, with_ports);
    print_protocol(packet.ip.ip_p);
    printf(" length %zu\n", len);
}

static void print_and_return(int fd)
{
    struct sockaddr_in sin;
    socklen_t sin_len = sizeof(sin);
    ssize_t len;

    memset(&sin, 0, sizeof(sin));
    len = recvfrom(fd, packet.bytes, sizeof(packet.bytes), 0, (struct sockaddr *)&sin, &sin_len);
    if (len == -1) {
        if (errno != EINTR)
            err(1, "recvfrom");
        return;
    }
    if (!packet_is_valid((size_t)len)) {
        warnx("invalid IP packet of %zd bytes", len);
        return;
    }
    print_packet((size_t)len, &sin);
    if (sendto(fd, packet.bytes, (size_t)len, 0, (struct sockaddr *)&sin, sin_len) == -1)
        warn("sendto");
}

int main(int argc, char *argv[])
{
    unsigned short port = DIVERT_PORT;
    int fd, option;

    while ((option = getopt(argc, argv, "p:")) != -1) {
        if (option != 'p')
            usage();
        port = parse_port(optarg);
    }
    if (optind != argc)
        usage();

    setvbuf(stdout, NULL, _IOLBF, 0);
    fd = open_divert(port);
    for (;;)
        print_and_return(fd);
}
