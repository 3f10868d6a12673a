/* SPDX-License-Identifier: BSD-2-Clause */
/* The lines and the packets of a trace. */
#include "trace/trace.h"

#include "common/environment.h"
#include "common/trace_open.h"
#include "netif/interfaces.h"
#include "packet/packet.h"
#include "process/process.h"
#include "trace/trace_file.h"
#include "util/clock.h"
#include "util/log.h"
#include "util/options.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>

bool trace_asked;

static struct trace_file lines = {.variable = ENV_TRACE};
static struct trace_file packets = {.variable = ENV_PCAP};

static void open_files(bool goes_on)
{
    const struct options *o = options_get(); /* not NULL: a socket is open */

    if (o->trace)
        trace_file_open(&lines, o->trace, NULL, goes_on);
    if (o->pcap)
        trace_file_open(&packets, o->pcap, &pcap_head, goes_on);
    trace_asked = lines.state || packets.state;
}

void trace_start(bool goes_on)
{
    static _Atomic bool started;

    if (atomic_load_explicit(&started, memory_order_acquire))
        return;
    process_lock(LOCK_OPTIONS);
    if (!atomic_load(&started))
        open_files(goes_on);
    atomic_store(&started, true);
    process_unlock(LOCK_OPTIONS);
}

/* A line that is being composed. */
struct line {
    char text[512]; /* longer than any */
    size_t len;
};

__attribute__((format(printf, 2, 3))) static void add(struct line *l, const char *format, ...)
{
    size_t room = sizeof(l->text) - l->len;
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(l->text + l->len, room, format, args);
    va_end(args);
    if (n > 0)
        l->len += (size_t)n < room ? (size_t)n : room - 1;
}

/* A day of UTC, and its date. */
struct day {
    uint32_t number; /* since 1970 */
    uint16_t year;
    uint8_t month, of_month;
};

/* gmtime_r() takes a lock and reads files, so it is called once a day. */
static struct day day_of(time_t seconds)
{
    static _Atomic struct day last;
    struct day day = atomic_load(&last);
    uint32_t number = (uint32_t)(seconds / 86400);
    struct tm tm;

    if (day.number == number)
        return day;
    gmtime_r(&seconds, &tm);
    day = (struct day){number, (uint16_t)(tm.tm_year + 1900), (uint8_t)(tm.tm_mon + 1),
                       (uint8_t)tm.tm_mday};
    atomic_store(&last, day);
    return day;
}

static void add_time(struct line *l, const struct timespec *t)
{
    struct day day = day_of(t->tv_sec);
    int second = (int)(t->tv_sec % 86400);

    add(l, "%04d-%02d-%02dT%02d:%02d:%02d.%06ldZ", day.year, day.month, day.of_month, second / 3600,
        second / 60 % 60, second % 60, t->tv_nsec / 1000);
}

static void add_end(struct line *l, int family, const uint8_t *address, bool with_port,
                    uint16_t port)
{
    char text[INET6_ADDRSTRLEN];

    inet_ntop(family, address, text, sizeof(text));
    if (!with_port)
        add(l, "%s", text);
    else
        add(l, family == AF_INET6 ? "[%s]:%u" : "%s:%u", text, port);
}

static void add_protocol(struct line *l, uint8_t protocol)
{
    switch (protocol) {
    case IPPROTO_TCP:
        add(l, " tcp");
        break;
    case IPPROTO_UDP:
        add(l, " udp");
        break;
    case IPPROTO_ICMP:
        add(l, " icmp");
        break;
    case IPPROTO_ICMPV6:
        add(l, " icmp6");
        break;
    default:
        add(l, " protocol %u", protocol);
    }
}

static void add_ends(struct line *l, const struct trace_packet *p)
{
    struct packet_ends ends;
    int family;

    if (!p->bytes || !packet_ends(p->bytes, p->len, &ends))
        return;
    family = packet_version(p->bytes, p->len) == 6 ? AF_INET6 : AF_INET;
    add(l, " ");
    add_end(l, family, ends.from, ends.ports, ends.from_port);
    add(l, " -> ");
    add_end(l, family, ends.to, ends.ports, ends.to_port);
    add_protocol(l, ends.protocol);
}

/* Linux allows any byte but white space, '/' and ':' in a name: others than ASCII are replaced. */
static void add_interface_name(struct line *l, uint32_t index)
{
    struct interface in;

    if (!index || !interfaces_by_index(index, &in)) {
        add(l, " -");
        return;
    }
    add(l, " ");
    for (const char *c = in.name; *c; c++)
        add(l, *c > ' ' && *c < 127 ? "%c" : "?", *c);
}

static void put_line(const struct line *l)
{
    struct iovec record = {(void *)l->text, l->len};

    trace_file_put(&lines, &record, 1);
}

static void note_left_out(void)
{
    unsigned long count = trace_file_left_out(&lines);
    struct line l = {.len = 0};

    if (!count)
        return;
    add(&l, "(%lu lines left out: the reader is too slow)\n", count);
    put_line(&l);
}

static void write_line(enum trace_event event, const struct trace_packet *p, const char *fate,
                       const struct timespec *now)
{
    static const char *const names[] = {"read ", "write", "drop "};
    struct line l = {.len = 0};

    if (!lines.state)
        return;
    note_left_out();
    add_time(&l, now);
    add(&l, " %u %s ", p->port, names[event]);
    if (p->queued)
        add(&l, "#%u", p->id);
    else
        add(&l, "-");
    add(&l, p->incoming ? " in " : " out");
    add_interface_name(&l, p->interface);
    if (event != TRACE_DROP)
        add(&l, " tag %u", p->tag);
    add_ends(&l, p);
    add(&l, " length %zu%s%s\n", p->len, fate ? ": " : "", fate ? fate : "");
    put_line(&l);
}

static void note_missing(void)
{
    static bool said;

    if (!trace_file_left_out(&packets) || said)
        return;
    said = true;
    log_line(LOG_WARN, "%s=%s: packets are missing from it: the reader is too slow",
             packets.variable, packets.name);
}

static void write_capture(const struct trace_packet *p, const struct timespec *now)
{
    size_t room = trace_file_longest(&packets) - sizeof(struct pcap_record);
    struct pcap_record head = {
        .seconds = (uint32_t)now->tv_sec,
        .nanoseconds = (uint32_t)now->tv_nsec,
        .kept = (uint32_t)(p->len < room ? p->len : room),
        .len = (uint32_t)p->len,
    };
    const struct iovec record[] = {{&head, sizeof(head)}, {(void *)p->bytes, head.kept}};

    if (!packets.state)
        return;
    note_missing();
    trace_file_put(&packets, record, 2);
}

void trace_packet(enum trace_event event, const struct trace_packet *p, const char *fate,
                  bool captured)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    write_line(event, p, fate, &now);
    if (captured)
        write_capture(p, &now);
}
