/* SPDX-License-Identifier: BSD-2-Clause */
/* Writes the lines of rules with log, in the form of ipfw(8) or of pf. */
#include "events/private.h"
#include "util/message.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define LINES_MAX 100 /* a second */

/* Writes to syslog; without one, and with -v, to standard error. */
static void write_log_line(const char *language, const char *line)
{
    static int have_syslog = -1;

    if (have_syslog < 0) {
        have_syslog = access("/dev/log", W_OK) == 0;
        openlog(language, LOG_NDELAY, LOG_DAEMON);
    }
    if (have_syslog)
        syslog(LOG_INFO, "%s", line);
    if (!have_syslog || verbosity > 0)
        message_log("%s: %s", language, line);
}

/* Limits the lines in a second, so that packets cannot fill a disk. */
static bool line_allowed(const char *language)
{
    static time_t second;
    static unsigned written;
    struct text line = {0};
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    if (now.tv_sec != second) {
        if (written > LINES_MAX) {
            text_add(&line, "%u lines left out", written - LINES_MAX);
            write_log_line(language, text_str(&line));
            text_free(&line);
        }
        written = 0;
    }
    second = now.tv_sec;
    return written++ < LINES_MAX;
}

/* Counts the lines of a rule, including this one. */
static unsigned count_line(unsigned number)
{
    static struct {
        unsigned number, lines;
    } * counts;
    static size_t rules;
    size_t i;

    for (i = 0; i < rules && counts[i].number != number; i++)
        ;
    if (i == rules) {
        counts = grow_array(counts, rules + 1, sizeof(*counts));
        counts[rules].number = number;
        counts[rules++].lines = 0;
    }
    return ++counts[i].lines;
}

static void add_address(const struct headers *h, const uint8_t *bytes, unsigned port,
                        struct text *out)
{
    bool six = h->family == 6;
    char s[INET6_ADDRSTRLEN];

    inet_ntop(six ? AF_INET6 : AF_INET, bytes, s, sizeof(s));
    text_add(out, six ? " [%s]" : " %s", s);
    if (port)
        text_add(out, ":%u", port - 1);
}

/* "TCP 10.0.0.1:1025 10.0.0.2:80"; ports are only in the first fragment. */
static void add_flow(const struct told_packet *packet, const struct headers *h, struct text *out)
{
    size_t at = h->family == 6 ? 8 : 12, size = h->family == 6 ? 16 : 4;
    bool first = !h->offset && h->transport_len >= 4, ports = false;
    const uint8_t *t = h->transport;

    if (h->proto == IPPROTO_TCP || h->proto == IPPROTO_UDP) {
        text_add(out, "%s", h->proto == IPPROTO_TCP ? "TCP" : "UDP");
        ports = first;
    } else if ((h->proto == IPPROTO_ICMP || h->proto == IPPROTO_ICMPV6) && first) {
        text_add(out, "%s:%u.%u", h->proto == IPPROTO_ICMP ? "ICMP" : "ICMPv6", t[0], t[1]);
    } else {
        text_add(out, "P:%d", h->proto);
    }
    add_address(h, packet->bytes + at, ports ? ((unsigned)t[0] << 8 | t[1]) + 1 : 0, out);
    add_address(h, packet->bytes + at + size, ports ? ((unsigned)t[2] << 8 | t[3]) + 1 : 0, out);
}

/* "100 Deny TCP 10.0.0.1:1025 10.0.0.2:80 in via em0" */
static void add_ipfw_line(const struct event *event, const struct told_packet *packet,
                          const struct headers *h, struct text *line)
{
    char name[IF_NAMESIZE];

    text_add(line, "%u %s ", event->number, event->action);
    add_flow(packet, h, line);
    if (if_indextoname(packet->interface, name))
        text_add(line, " %s via %s", packet->incoming ? "in" : "out", name);
}

/* "rule 3/(match) block in on em0: TCP 10.0.0.1:1025 10.0.0.2:80" */
static void add_pf_line(const struct event *event, const struct told_packet *packet,
                        const struct headers *h, struct text *line)
{
    char name[IF_NAMESIZE];

    text_add(line, "rule %u/(match) %s %s", event->number, event->action + strlen("pf "),
             packet->incoming ? "in" : "out");
    if (if_indextoname(packet->interface, name))
        text_add(line, " on %s", name);
    text_add(line, ": ");
    add_flow(packet, h, line);
}

void log_packet(const struct event *event, const struct told_packet *packet,
                const struct headers *h)
{
    bool pf = strncmp(event->action, "pf ", strlen("pf ")) == 0;
    const char *language = pf ? "pf" : "ipfw";
    unsigned lines = count_line(event->number);
    struct text line = {0};

    if ((event->amount && lines > event->amount) || !line_allowed(language))
        return;
    if (pf)
        add_pf_line(event, packet, h, &line);
    else
        add_ipfw_line(event, packet, h, &line);
    if (h->offset || h->more)
        text_add(&line, " (frag %u:%zu@%u%s)", h->id, h->total - h->network, h->offset,
                 h->more ? "+" : "");
    write_log_line(language, text_str(&line));
    text_free(&line);
    if (event->amount && lines == event->amount) {
        text_add(&line, "limit %u reached on entry %u", event->amount, event->number);
        write_log_line(language, text_str(&line));
        text_free(&line);
    }
}
