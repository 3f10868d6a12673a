/* SPDX-License-Identifier: BSD-2-Clause */
/* sysctl(3): the known names and where their values come from. */
#include "bsd/sysctl.h"

#include "bsd/route_socket.h"
#include "real.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

/* FreeBSD's numbers, as in include/divertshim/sys/sysctl.h. */
enum { KERN = 1, NET = 4, HW = 6 };
enum { IFLIST = 3 };

#define OWN_MIB     0x6473 /* first number of names that have no MIB of their own */
#define MIB_MAX     4
#define TEXT_MAX    256
#define LAST_RULE   65535
#define QUEUE_BYTES 65636 /* what divert sockets of FreeBSD have */

enum kind {
    FIXED,     /* a constant, value */
    FILE_WORD, /* a number in a file; value is the word's index */
    SYSTEM,    /* sysconf(3) of value */
    UNAME      /* a text; value is its offset in struct utsname */
};

static const struct entry {
    const char *name;
    enum kind kind;
    int value;
    const char *path;
    int mib[MIB_MAX];
} entries[] = {
#define IPV4 "/proc/sys/net/ipv4/"
#define IPV6 "/proc/sys/net/ipv6/"
    {"net.inet.ip.forwarding", FILE_WORD, 0, IPV4 "ip_forward", {NET, AF_INET, 0, 1}},
    {"net.inet.ip.redirect", FILE_WORD, 0, IPV4 "conf/all/send_redirects", {NET, AF_INET, 0, 2}},
    {"net.inet.ip.ttl", FILE_WORD, 0, IPV4 "ip_default_ttl", {NET, AF_INET, 0, 3}},
    {"net.inet.ip.sourceroute", FILE_WORD, 0, IPV4 "conf/all/accept_source_route", {0}},
    {"net.inet.ip.accept_sourceroute", FILE_WORD, 0, IPV4 "conf/all/accept_source_route", {0}},
    {"net.inet.ip.portrange.first", FILE_WORD, 0, IPV4 "ip_local_port_range", {0}},
    {"net.inet.ip.portrange.last", FILE_WORD, 1, IPV4 "ip_local_port_range", {0}},
    {"net.inet.ip.portrange.hifirst", FILE_WORD, 0, IPV4 "ip_local_port_range", {0}},
    {"net.inet.ip.portrange.hilast", FILE_WORD, 1, IPV4 "ip_local_port_range", {0}},
    {"net.inet.ip.portrange.lowfirst", FIXED, 1023, NULL, {0}},
    {"net.inet.ip.portrange.lowlast", FIXED, 600, NULL, {0}},
    {"net.inet.ip.fw.enable", FIXED, 1, NULL, {0}},
    {"net.inet.ip.fw.one_pass", FIXED, 1, NULL, {0}},
    {"net.inet.ip.fw.verbose", FIXED, 0, NULL, {0}},
    {"net.inet.ip.fw.default_rule", FIXED, LAST_RULE, NULL, {0}},
    {"net.inet.divert.sendspace", FIXED, QUEUE_BYTES, NULL, {0}},
    {"net.inet.divert.recvspace", FIXED, QUEUE_BYTES, NULL, {0}},
    {"net.inet.tcp.mssdflt", FIXED, 536, NULL, {0}},
    {"net.inet6.ip6.forwarding", FILE_WORD, 0, IPV6 "conf/all/forwarding", {0}},
    {"net.inet6.ip6.hlim", FILE_WORD, 0, IPV6 "conf/all/hop_limit", {0}},
    {"net.inet6.ip6.fw.enable", FIXED, 1, NULL, {0}},
    {"kern.ostype", UNAME, offsetof(struct utsname, sysname), NULL, {KERN, 1}},
    {"kern.osrelease", UNAME, offsetof(struct utsname, release), NULL, {KERN, 2}},
    {"kern.version", UNAME, offsetof(struct utsname, version), NULL, {KERN, 4}},
    {"kern.hostname", UNAME, offsetof(struct utsname, nodename), NULL, {KERN, 10}},
    {"kern.ipc.maxsockbuf", FILE_WORD, 0, "/proc/sys/net/core/rmem_max", {0}},
    {"hw.machine", UNAME, offsetof(struct utsname, machine), NULL, {HW, 1}},
    {"hw.ncpu", SYSTEM, _SC_NPROCESSORS_ONLN, NULL, {HW, 3}},
    {"hw.pagesize", SYSTEM, _SC_PAGESIZE, NULL, {HW, 7}},
#undef IPV4
#undef IPV6
};

#define ENTRIES (sizeof(entries) / sizeof(entries[0]))

static const struct entry *find_name(const char *name)
{
    for (size_t i = 0; i < ENTRIES; i++) {
        if (strcmp(entries[i].name, name) == 0)
            return &entries[i];
    }
    return NULL;
}

/* How many numbers the entry's MIB has; trailing zeros do not count. */
static unsigned mib_length(const struct entry *e)
{
    unsigned count = MIB_MAX;

    while (count && !e->mib[count - 1])
        count--;
    return count;
}

static const struct entry *find_mib(const int *mib, unsigned count)
{
    if (count == 2 && mib[0] == OWN_MIB && mib[1] >= 0 && (size_t)mib[1] < ENTRIES)
        return &entries[mib[1]];
    for (size_t i = 0; i < ENTRIES; i++) {
        unsigned own = mib_length(&entries[i]);

        if (own && own == count && memcmp(entries[i].mib, mib, count * sizeof(*mib)) == 0)
            return &entries[i];
    }
    return NULL;
}

int sysctl_give(struct sysctl_old *old, const void *value, size_t len)
{
    size_t room = old->len ? *old->len : 0, n = len < room ? len : room;

    if (!old->len)
        return 0;
    if (!old->value) {
        *old->len = len;
        return 0;
    }
    memcpy(old->value, value, n);
    *old->len = n;
    return n < len ? -ENOMEM : 0;
}

static int read_file(const char *path, char *text)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n;

    if (fd < 0)
        return -errno;
    n = real.read(fd, text, TEXT_MAX - 1);
    real.close(fd);
    if (n < 0)
        return -errno;
    text[n] = '\0';
    return 0;
}

static int write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC), err = 0;

    if (fd < 0)
        return errno == EACCES ? -EPERM : -errno;
    if (real.write(fd, text, strlen(text)) < 0)
        err = -errno;
    real.close(fd);
    return err;
}

/* Reads up to two numbers from a file; a missing one is 0. */
static int read_words(const char *path, int words[2])
{
    char text[TEXT_MAX];
    int err = read_file(path, text);

    words[0] = words[1] = 0;
    if (!err && sscanf(text, "%d %d", &words[0], &words[1]) < 1)
        err = -ENOENT;
    return err;
}

static int get_number(const struct entry *e, int *number)
{
    int words[2], err;

    switch (e->kind) {
    case FILE_WORD:
        err = read_words(e->path, words);
        *number = words[e->value];
        return err;
    case SYSTEM:
        *number = (int)sysconf(e->value);
        return 0;
    default:
        *number = e->value;
        return 0;
    }
}

static int change_word(const struct entry *e, int number)
{
    char text[TEXT_MAX];
    int words[2], err = read_file(e->path, text);
    bool two = !err && sscanf(text, "%d %d", &words[0], &words[1]) == 2;

    if (err)
        return err;
    if (two) {
        words[e->value] = number;
        snprintf(text, sizeof(text), "%d %d\n", words[0], words[1]);
    } else {
        snprintf(text, sizeof(text), "%d\n", number);
    }
    return write_file(e->path, text);
}

/* A value that cannot be changed may be set to what it is. */
static int change_number(const struct entry *e, int now, const void *new, size_t new_len)
{
    int number;

    if (new_len != sizeof(number))
        return -EINVAL;
    memcpy(&number, new, sizeof(number));
    if (number == now)
        return 0;
    return e->kind == FILE_WORD ? change_word(e, number) : -EPERM;
}

static int access_number(const struct entry *e, struct sysctl_old *old, const void *new,
                         size_t new_len)
{
    int now, err = get_number(e, &now);

    if (!err)
        err = sysctl_give(old, &now, sizeof(now));
    if (!err && new)
        err = change_number(e, now, new, new_len);
    return err;
}

static int get_text(const struct entry *e, struct sysctl_old *old)
{
    struct utsname names;
    const char *text = (const char *)&names + e->value;

    if (uname(&names) < 0)
        return -errno;
    return sysctl_give(old, text, strlen(text) + 1);
}

static int access_entry(const struct entry *e, struct sysctl_old *old, const void *new,
                        size_t new_len)
{
    if (!e)
        return -ENOENT;
    if (e->kind != UNAME)
        return access_number(e, old, new, new_len);
    return new ? -EPERM : get_text(e, old);
}

/* mib is what follows CTL_NET and PF_ROUTE: 0, family, what, argument. */
static int access_routes(const int *mib, unsigned count, struct sysctl_old *old, const void *new)
{
    if (new)
        return -EPERM;
    if (count != 4 || mib[0] != 0)
        return -EINVAL;
    if (mib[1] != AF_UNSPEC && mib[1] != AF_INET && mib[1] != AF_INET6)
        return -EINVAL;
    if (mib[2] != IFLIST)
        return -EOPNOTSUPP;
    return sysctl_interfaces(mib[1], (unsigned)mib[3], old);
}

int sysctl_by_mib(const int *mib, unsigned count, struct sysctl_old *old, const void *new,
                  size_t new_len)
{
    if (count >= 2 && mib[0] == NET && mib[1] == ROUTE_FAMILY)
        return access_routes(mib + 2, count - 2, old, new);
    return access_entry(find_mib(mib, count), old, new, new_len);
}

int sysctl_by_name(const char *name, struct sysctl_old *old, const void *new, size_t new_len)
{
    return access_entry(find_name(name), old, new, new_len);
}

int sysctl_mib_of(const char *name, int *mib, size_t *count)
{
    const struct entry *e = find_name(name);

    if (!e)
        return -ENOENT;
    if (*count < 2)
        return -ENOMEM;
    mib[0] = OWN_MIB;
    mib[1] = (int)(e - entries);
    *count = 2;
    return 0;
}
