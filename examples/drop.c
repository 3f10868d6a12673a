/*
 * drop: a filter that drops the packets whose payload contains a pattern and
 * writes all others back. Prints its counters on SIGINFO or SIGUSR1 and at the end.
 *
 *     drop [-p PORT] PATTERN
 */
#include <sys/types.h>
#include <sys/socket.h>
#include <netinet/in.h>
#include <netinet/in_systm.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>

#include <err.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DIVERT_PORT     8000
#define UDP_HEADER_LEN  8u
#define ICMP_HEADER_LEN 8u
#define WAKE_MS         1000 /* how late a signal just before poll() may be seen */

static union {
    struct ip ip;
    unsigned char bytes[IP_MAXPACKET];
} packet;

static struct {
    unsigned long passed, dropped, errors;
} counters;

static volatile sig_atomic_t stop_wanted, report_wanted;

static void on_signal(int signal_number)
{
    if (signal_number == SIGTERM || signal_number == SIGINT)
        stop_wanted = 1;
    else
        report_wanted = 1;
}

static void catch_signals(void)
{
    struct sigaction action;

    memset(&action, 0, sizeof(action));
    action.sa_handler = on_signal;
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGUSR1, &action, NULL);
#ifdef SIGINFO
    sigaction(SIGINFO, &action, NULL);
#endif
}

static void report(void)
{
    fprintf(stderr, "drop: %lu passed, %lu dropped, %lu errors\n", counters.passed,
            counters.dropped, counters.errors);
}

static void usage(void)
{
    fprintf(stderr, "usage: drop [-p port] pattern\n");
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

/* Length of the TCP, UDP or ICMP header that begins at offset; 0 for others and later fragments. */
static size_t transport_header_len(size_t offset, size_t len)
{
    if ((ntohs(packet.ip.ip_off) & IP_OFFMASK) != 0)
        return 0;
    switch (packet.ip.ip_p) {
    case IPPROTO_TCP:
        return offset + sizeof(struct tcphdr) <= len ? (packet.bytes[offset + 12] >> 4) * 4u : 0;
    case IPPROTO_UDP:
        return UDP_HEADER_LEN;
    case IPPROTO_ICMP:
        return ICMP_HEADER_LEN;
    default:
        return 0;
    }
}

static int contains(const unsigned char *data, size_t len, const char *pattern)
{
    size_t pattern_len = strlen(pattern);
    const unsigned char *hit;

    while (len >= pattern_len) {
        hit = memchr(data, (unsigned char)pattern[0], len - pattern_len + 1);
        if (hit == NULL)
            return 0;
        if (memcmp(hit, pattern, pattern_len) == 0)
            return 1;
        len -= (size_t)(hit - data) + 1;
        data = hit + 1;
    }
    return 0;
}

static int packet_matches(size_t len, const char *pattern)
{
    size_t payload = packet.ip.ip_hl * 4u;

    payload += transport_header_len(payload, len);
    return payload < len && contains(packet.bytes + payload, len - payload, pattern);
}

static void filter_one(int fd, const char *pattern)
{
    struct sockaddr_in sin;
    socklen_t sin_len = sizeof(sin);
    ssize_t len;

    len = recvfrom(fd, packet.bytes, sizeof(packet.bytes), 0, (struct sockaddr *)&sin, &sin_len);
    if (len == -1) {
        if (errno != EINTR && errno != EAGAIN)
            err(1, "recvfrom");
        return;
    }
    if (packet_matches((size_t)len, pattern)) {
        counters.dropped++;
        return;
    }
    if (sendto(fd, packet.bytes, (size_t)len, 0, (struct sockaddr *)&sin, sin_len) == -1)
        counters.errors++;
    else
        counters.passed++;
}

static void filter_until_stopped(int fd, const char *pattern)
{
    struct pollfd pfd = {.fd = fd, .events = POLLIN};

    while (!stop_wanted) {
        int ready = poll(&pfd, 1, WAKE_MS);

        if (ready == -1 && errno != EINTR)
            err(1, "poll");
        if (ready > 0)
            filter_one(fd, pattern);
        if (report_wanted) {
            report_wanted = 0;
            report();
        }
    }
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
    if (optind != argc - 1 || argv[optind][0] == '\0')
        usage();

    catch_signals();
    fd = open_divert(port);
    filter_until_stopped(fd, argv[optind]);
    report();
    return 0;
}
