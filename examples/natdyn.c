/*
 * natdyn: network address translation that follows the address of an interface,
 * in the manner of natd with its option -dynamic.
 *
 *     natdyn [-dv] [-P FILE] [-p PORT] -n INTERFACE
 *
 * PORT is a number or a service of the protocol divert; natd by default. The
 * translation itself is that of nat.c. This program shows what else natd needs
 * of the system: the interface list, routing messages, services.
 */
#include <sys/cdefs.h>
__FBSDID("$divertshim$");

#include "bsd_interface.h"
#include "nat_packet.h"
#include "nat_table.h"

#include <sys/param.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/sysctl.h>
#include <sys/time.h>
#include <arpa/inet.h>
#include <machine/in_cksum.h>

#include <err.h>
#include <errno.h>
#include <libutil.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static union {
    struct ip ip;
    u_char bytes[IP_MAXPACKET];
} packet;

static const char *interface_name;
static struct bsd_interface interface;
static struct in_addr alias;
static int verbose;
static volatile sig_atomic_t stop_wanted;

static void on_stop(int signal_number __unused)
{
    stop_wanted = 1;
}

static void usage(void) __dead2;

static void usage(void)
{
    fprintf(stderr, "usage: %s [-dv] [-P file] [-p port] -n interface\n", getprogname());
    exit(2);
}

/* Without forwarding there is nothing to translate but the host's own packets. */
static void check_forwarding(void)
{
    int forwarding;
    size_t len = sizeof(forwarding);

    if (sysctlbyname("net.inet.ip.forwarding", &forwarding, &len, NULL, 0) == -1)
        warn("net.inet.ip.forwarding");
    else if (!forwarding)
        warnx("net.inet.ip.forwarding is 0: nothing is forwarded");
}

/*
 * If the interface has lost its address, the last one is kept; if it never had
 * one, nothing passes.
 */
static void take_alias_address(void)
{
    char text[INET_ADDRSTRLEN];

    interface_look_up(interface_name, &interface);
    if (interface.index == 0)
        errx(1, "no interface %s", interface_name);
    if (interface.address.s_addr == INADDR_ANY || interface.address.s_addr == alias.s_addr)
        return;
    alias = interface.address;
    strlcpy(text, inet_ntoa(alias), sizeof(text));
    printf("aliasing to %s/%s, mtu %d\n", text, inet_ntoa(interface.netmask), interface.mtu);
    fflush(stdout);
}

static void print_packet(const char *what)
{
    char source[INET_ADDRSTRLEN];

    if (!verbose)
        return;
    strlcpy(source, inet_ntoa(packet.ip.ip_src), sizeof(source));
    printf("%s %s -> %s\n", what, source, inet_ntoa(packet.ip.ip_dst));
}

/* As in the kernel: a packet with an invalid header goes nowhere. */
static int header_is_broken(void)
{
    return packet.ip.ip_hl == 5 && in_cksum_hdr(&packet.ip) != 0;
}

static void translate_one(int fd)
{
    struct sockaddr_in sin;
    socklen_t sin_len = sizeof(sin);
    enum verdict verdict;
    ssize_t len =
        recvfrom(fd, packet.bytes, sizeof(packet.bytes), 0, (struct sockaddr *)&sin, &sin_len);

    if (len == -1) {
        if (errno != EINTR)
            err(1, "recvfrom");
        return;
    }
    if (header_is_broken() || alias.s_addr == INADDR_ANY)
        return; /* nothing leaves under an address that is not the interface's */
    print_packet(sin.sin_addr.s_addr == INADDR_ANY ? "out" : "in ");
    if (sin.sin_addr.s_addr == INADDR_ANY)
        verdict = nat_outgoing(&packet.ip, (size_t)len, alias.s_addr);
    else
        verdict = nat_incoming(&packet.ip, (size_t)len, alias.s_addr);
    if (verdict != VERDICT_PASS)
        return;
    print_packet("  as");
    sin.sin_len = sizeof(sin);
    if (sendto(fd, packet.bytes, (size_t)len, 0, (struct sockaddr *)&sin, sin.sin_len) == -1)
        warn("sendto");
}

/* Wakes once a second at least, for the mappings' age. */
static void translate_until_stopped(int divert, int news)
{
    while (!stop_wanted) {
        struct timeval timeout = {1, 0};
        struct timespec now;
        fd_set readable;

        FD_ZERO(&readable);
        FD_SET(divert, &readable);
        if (news != -1)
            FD_SET(news, &readable);
        if (select(MAX(divert, news) + 1, &readable, NULL, NULL, &timeout) == -1) {
            if (errno == EINTR)
                continue;
            err(1, "select");
        }
        clock_gettime(CLOCK_MONOTONIC, &now);
        table_set_time(now.tv_sec);
        if (news != -1 && FD_ISSET(news, &readable) && interface_news(news, interface.index))
            take_alias_address();
        if (FD_ISSET(divert, &readable))
            translate_one(divert);
    }
}

static struct pidfh *open_pid_file(const char *path)
{
    pid_t other;
    struct pidfh *file = pidfile_open(path, 0644, &other);

    if (file == NULL)
        err(1, "%s", path);
    pidfile_write(file);
    return file;
}

int main(int argc, char *argv[])
{
    const char *port = "natd", *pid_path = NULL;
    struct pidfh *pid_file = NULL;
    int dynamic = 0, divert, news = -1, option;

    while ((option = getopt(argc, argv, "dn:P:p:v")) != -1) {
        switch (option) {
        case 'd':
            dynamic = 1;
            break;
        case 'n':
            interface_name = optarg;
            break;
        case 'P':
            pid_path = optarg;
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
    if (optind != argc || interface_name == NULL)
        usage();

    signal(SIGTERM, on_stop);
    signal(SIGINT, on_stop);
    if (dynamic)
        news = interface_open_news(); /* before the first look, so that no change is missed */
    check_forwarding();
    take_alias_address();
    if (alias.s_addr == INADDR_ANY && !dynamic)
        errx(1, "%s has no address", interface_name);
    if (pid_path != NULL)
        pid_file = open_pid_file(pid_path);
    divert = interface_open_divert(interface_divert_port(port));
    translate_until_stopped(divert, news);
    if (pid_file != NULL)
        pidfile_remove(pid_file);
    return 0;
}
