/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Takes FreeBSD's branch by the compiler's macros, needs no _GNU_SOURCE, and prints a line for each
 * thing that is as on BSD. For test_porting; compiled with -include divertshim/freebsd.h.
 */
#include <sys/param.h>
#include <sys/socket.h>

#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if !defined(__FreeBSD__) || !defined(BSD) || defined(__linux__)
#error "not FreeBSD"
#endif

static void options(void)
{
    int fd = socket(PF_INET, SOCK_RAW, IPPROTO_DIVERT), wanted = IPPROTO_DIVERT_INIT, got = 0;
    uint32_t cookie = 0x40000000, kept = 0;
    socklen_t size = sizeof(kept);

    if (fd == -1)
        err(1, "socket");
    if (setsockopt(fd, SOL_SOCKET, SO_USER_COOKIE, &cookie, sizeof(cookie)) == -1 ||
        getsockopt(fd, SOL_SOCKET, SO_USER_COOKIE, &kept, &size) == -1)
        err(1, "SO_USER_COOKIE");
    printf("cookie %x\n", kept);
    if (setsockopt(fd, IPPROTO_IP, IP_DIVERTFL, &wanted, sizeof(wanted)) == -1 ||
        getsockopt(fd, IPPROTO_IP, IP_DIVERTFL, &got, &size) == -1)
        err(1, "IP_DIVERTFL");
    printf("divertfl %d\n", got);
    wanted = IPPROTO_DIVERT_RESP;
    printf("again %d\n", setsockopt(fd, IPPROTO_IP, IP_DIVERTFL, &wanted, sizeof(wanted)));
    close(fd);
}

static void give_up_root(void)
{
    gid_t group = 65534;

    if (setgroups(1, &group) == -1 || setresgid(group, group, group) == -1 ||
        setresuid(65534, 65534, 65534) == -1)
        err(1, "giving up root");
    printf("user %d\n", (int)getuid());
}

/* As a program that runs another one reads its own options, but not those of the other. */
static void first_options(int argc, char *argv[])
{
    int option, count = 0;

    while ((option = getopt(argc, argv, "ab:")) != -1)
        count += option == 'a' || (option == 'b' && strcmp(optarg, "1") == 0);
    printf("options %d, then %s\n", count, argv[optind]);
    optreset = optind = 1;
    printf("first %c\n", getopt(argc, argv, "ab:"));
}

int main(int argc, char *argv[])
{
    struct icmp icmp = {.icmp_type = ICMP_UNREACH, .icmp_code = ICMP_UNREACH_NEEDFRAG};
    struct icmphdr header = {.type = ICMP_DEST_UNREACH, .code = ICMP_FRAG_NEEDED};
    char *text;

    printf("icmp %d\n", memcmp(&icmp, &header, 2));
    first_options(argc, argv);
    options();
    give_up_root();
    if (asprintf(&text, "%s", strcasestr("some TEXT", "text")) == -1 || !memmem(text, 4, "XT", 2))
        err(1, "asprintf");
    puts(text);
    free(text);
    return 0;
}
