/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program that works for minutes: it passes packets on, rewrites, drops, holds and injects them,
 * has children take its place for a while, and closes its socket and opens another. This process
 * sends at a steady rate and counts what arrives. Run by tests/soak, which sets SOAK_SECONDS and
 * SOAK_RATE.
 */
#include "make_packet.h"
#include "wire.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WINDOW       400   /* packets on the way at a time: no queue can overflow */
#define HELD         32    /* packets that the program holds before it writes the first of them */
#define FORK_EVERY   7000  /* packets */
#define CHILD_TAKES  500   /* packets */
#define REOPEN_EVERY 23000 /* packets */
#define QUIET_MS     20    /* without packets, then what is held is written */
#define TIMEOUT_S    20    /* for packets that must arrive */
#define PAYLOAD      28
#define LINES        10 /* of the table */

enum kind { PASSED, REWRITTEN, DROPPED, HELD_BACK, WITH_OUTGOING, WITH_INCOMING, KINDS };

/* The fate of a packet, by its number. */
static const enum kind kinds[20] = {
    PASSED,        REWRITTEN, PASSED,    DROPPED, HELD_BACK,     PASSED,        REWRITTEN,
    PASSED,        DROPPED,   HELD_BACK, PASSED,  REWRITTEN,     PASSED,        DROPPED,
    WITH_OUTGOING, PASSED,    REWRITTEN, PASSED,  WITH_OUTGOING, WITH_INCOMING,
};

struct payload {
    uint32_t number;
    uint32_t injected;  /* by the program, in addition to the packet of */
    uint32_t rewritten; /* by the program, to number + 1 */
};

static struct shared {
    _Atomic uint32_t dropped, injected, held, forks, reopenings, errors;
    _Atomic bool pause; /* the program wants no packets on */
    _Atomic bool paused, stop;
} * shared;

/* ---- the program ---- */

static uint8_t buffer[HELD + 1][2048]; /* for the packets held, and one more */
static ssize_t length[HELD];           /* 0 for none */
static struct sockaddr_in address[HELD], from;
static unsigned oldest;

static void put(int fd, const uint8_t *packet, ssize_t n, const struct sockaddr_in *to)
{
    if (sendto(fd, packet, (size_t)n, 0, (const struct sockaddr *)to, sizeof(*to)) == n)
        return;
    perror("sendto");
    shared->errors++;
}

static void let_oldest_go(int fd)
{
    if (length[oldest]) {
        shared->held--;
        put(fd, buffer[oldest], length[oldest], &address[oldest]);
    }
    length[oldest] = 0;
    oldest = (oldest + 1) % HELD;
}

static void let_all_go(int fd)
{
    for (int i = 0; i < HELD; i++)
        let_oldest_go(fd);
}

static void hold(int fd, const uint8_t *packet, ssize_t n)
{
    unsigned at = oldest;

    let_oldest_go(fd);
    memcpy(buffer[at], packet, (size_t)n);
    length[at] = n;
    address[at] = from;
    shared->held++;
}

static void inject(int fd, uint32_t number, const char *to)
{
    struct sockaddr_in sin = {.sin_family = AF_INET};
    struct payload p = {.number = number, .injected = 1};
    uint8_t packet[64];
    size_t n =
        make_udp(packet, IN_PEER, 3333, OUT_PEER, 4444, (uint16_t)(number + 1), &p, sizeof(p));

    inet_pton(AF_INET, to, &sin.sin_addr);
    shared->injected++;
    put(fd, packet, (ssize_t)n, &sin);
}

static void decide(int fd, uint8_t *packet, ssize_t n, bool may_hold)
{
    struct payload p;

    memcpy(&p, packet + PAYLOAD, sizeof(p));
    switch (kinds[p.number % 20]) {
    case DROPPED:
        shared->dropped++;
        return;
    case REWRITTEN:
        p.rewritten = p.number + 1;
        memcpy(packet + PAYLOAD, &p, sizeof(p));
        break;
    case HELD_BACK:
        if (may_hold) {
            hold(fd, packet, n);
            return;
        }
        break;
    case WITH_OUTGOING:
        inject(fd, p.number, "0.0.0.0");
        break;
    case WITH_INCOMING:
        inject(fd, p.number, IN_ADDRESS);
        break;
    default:
        break;
    }
    put(fd, packet, n, &from);
}

/* Reads one packet and treats it. False if there was none. */
static bool take_one(int fd, bool may_hold)
{
    struct timeval quiet = {.tv_usec = QUIET_MS * 1000};
    socklen_t size = sizeof(from);
    fd_set set;
    ssize_t n;

    FD_ZERO(&set);
    FD_SET(fd, &set);
    if (select(fd + 1, &set, NULL, NULL, &quiet) <= 0)
        return false;
    n = recvfrom(fd, buffer[HELD], sizeof(buffer[0]), MSG_DONTWAIT, (struct sockaddr *)&from,
                 &size);
    if (n > 0)
        decide(fd, buffer[HELD], n, may_hold);
    return n > 0;
}

/* The child does not get the packets that the program holds. */
static void have_child_do_it(int fd)
{
    pid_t pid = fork();

    if (pid == 0) {
        for (int i = 0; i < CHILD_TAKES && take_one(fd, false); i++) {
            /* on to the next */
        }
        _exit(0);
    }
    shared->forks++;
    if (pid < 0 || waitpid(pid, NULL, 0) != pid)
        shared->errors++;
}

static int reopen(int fd)
{
    let_all_go(fd);
    shared->pause = true;
    while (!shared->paused && !shared->stop)
        if (take_one(fd, false))
            let_all_go(fd);
    close(fd);
    fd = divert_bound(PORT);
    shared->reopenings++;
    shared->pause = false;
    return fd;
}

static void program(int fd)
{
    uint32_t taken = 0;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (!shared->stop) {
        if (!take_one(fd, true)) {
            let_all_go(fd);
            continue;
        }
        taken++;
        if (taken % FORK_EVERY == 0)
            have_child_do_it(fd);
        if (taken % REOPEN_EVERY == 0)
            fd = reopen(fd);
    }
    close(fd);
    _exit(0);
}

/* ---- what is sent, and what arrives ---- */

static unsigned seconds, rate;
static uint8_t *seen, *seen_injected; /* by number */
static uint32_t sent, delivered, delivered_injected;

static uint64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static uint32_t on_the_way(void)
{
    return sent + shared->injected - delivered - delivered_injected - shared->dropped;
}

static void send_number(uint32_t number)
{
    struct payload p = {.number = number};
    uint8_t packet[64];

    wire_send(&in0, packet,
              make_udp(packet, IN_PEER, 1111, OUT_PEER, 2222, (uint16_t)number, &p, sizeof(p)));
}

static void count_one(const struct payload *p)
{
    enum kind kind = kinds[p->number % 20];
    uint8_t *place = p->injected ? &seen_injected[p->number] : &seen[p->number];

    ck_assert_msg(p->number < sent, "packet %u was never sent", p->number);
    ck_assert_msg(!*place, "packet %u%s came twice", p->number, p->injected ? " (injected)" : "");
    ck_assert_msg(p->injected || kind != DROPPED, "packet %u was dropped, and came", p->number);
    ck_assert_uint_eq(p->rewritten, kind == REWRITTEN ? p->number + 1 : 0);
    *place = 1;
    if (p->injected)
        delivered_injected++;
    else
        delivered++;
}

static void receive_all(int timeout_ms)
{
    struct pollfd p = {.fd = out0.fd, .events = POLLIN};
    uint8_t frame[2048];
    ssize_t n;

    poll(&p, 1, timeout_ms);
    while ((n = recv(out0.fd, frame, sizeof(frame), MSG_DONTWAIT)) > 0) {
        struct payload payload;

        ck_assert_int_eq(n, 14 + PAYLOAD + sizeof(payload));
        memcpy(&payload, frame + 14 + PAYLOAD, sizeof(payload));
        count_one(&payload);
    }
}

static void receive_until_none_is_on_the_way(void)
{
    uint64_t end = now_ms() + TIMEOUT_S * 1000;

    while (on_the_way() && now_ms() < end)
        receive_all(10);
    ck_assert_msg(on_the_way() == 0, "%u packets are lost", on_the_way());
}

/* ---- what the program takes ---- */

struct usage {
    unsigned rss_kib, descriptors, queue;
};

static unsigned count_descriptors(pid_t pid)
{
    char path[64];
    unsigned count = 0;
    DIR *d;

    snprintf(path, sizeof(path), "/proc/%d/fd", pid);
    d = opendir(path);
    while (d && readdir(d))
        count++;
    if (d)
        closedir(d);
    return count - 2; /* without "." and ".." */
}

static struct usage usage_of(pid_t pid)
{
    char path[64];
    struct usage u = {.descriptors = count_descriptors(pid), .queue = queue_waiting(PORT)};
    unsigned long pages = 0;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/statm", pid);
    f = fopen(path, "r");
    if (f && fscanf(f, "%*u %lu", &pages) == 1)
        u.rss_kib = (unsigned)(pages * (unsigned long)sysconf(_SC_PAGESIZE) / 1024);
    if (f)
        fclose(f);
    return u;
}

static void more(unsigned *most, unsigned value)
{
    if (value > *most)
        *most = value;
}

static void print_head(void)
{
    printf("%6s %9s %9s %9s %9s %6s %8s %8s %4s %6s\n", "s", "sent", "arrived", "dropped",
           "injected", "forks", "reopened", "RSS KiB", "fds", "queue");
}

static void print_line(uint64_t ms, const struct usage *u)
{
    printf("%6llu %9u %9u %9u %9u %6u %8u %8u %4u %6u\n", (unsigned long long)ms / 1000, sent,
           delivered + delivered_injected, shared->dropped, shared->injected, shared->forks,
           shared->reopenings, u->rss_kib, u->descriptors, u->queue);
    fflush(stdout);
}

static void rest(pid_t pid)
{
    receive_until_none_is_on_the_way();
    ck_assert_msg(kill(pid, 0) == 0, "expected the program to go on");
    shared->paused = true;
    while (shared->pause)
        poll(NULL, 0, 1);
    shared->paused = false;
}

static void run_at_rate(pid_t pid, struct usage half[2])
{
    uint64_t start = now_ms(), ms = 0, sampled = 0, printed = 0;

    while ((ms = now_ms() - start) < seconds * UINT64_C(1000)) {
        while (sent < ms * rate / 1000 && on_the_way() < WINDOW && !shared->pause)
            send_number(sent++);
        receive_all(1);
        if (shared->pause)
            rest(pid);
        if (ms - sampled > 500) {
            struct usage u = usage_of(pid);
            struct usage *most = &half[ms > seconds * UINT64_C(500)];

            sampled = ms;
            more(&most->rss_kib, u.rss_kib);
            more(&most->descriptors, u.descriptors);
            more(&most->queue, u.queue);
            if (ms * LINES / 1000 / seconds > printed) {
                printed = ms * LINES / 1000 / seconds;
                print_line(ms, &u);
            }
        }
    }
}

static void *zeros(size_t size, int flags)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, flags | MAP_ANONYMOUS, -1, 0);

    ck_assert_ptr_ne(p, MAP_FAILED);
    return p;
}

static unsigned setting(const char *name, unsigned otherwise)
{
    const char *value = getenv(name);

    return value ? (unsigned)strtoul(value, NULL, 10) : otherwise;
}

START_TEST(test_soak)
{
    struct usage half[2] = {0}, end;
    int fd = divert_bound(PORT);
    pid_t pid;

    shared = zeros(sizeof(*shared), MAP_SHARED);
    seen = zeros((size_t)seconds * rate + 1, MAP_PRIVATE | MAP_NORESERVE);
    seen_injected = zeros((size_t)seconds * rate + 1, MAP_PRIVATE | MAP_NORESERVE);
    pid = fork();
    if (pid == 0)
        program(fd);
    close(fd);
    divert_incoming(PORT);
    print_head();
    run_at_rate(pid, half);
    receive_until_none_is_on_the_way();
    poll(NULL, 0, 100);
    receive_all(0);
    end = usage_of(pid);
    print_line(seconds * UINT64_C(1000), &end);
    shared->stop = true;
    ck_assert_int_eq(waitpid(pid, NULL, 0), pid);

    printf("sent %u + injected %u = arrived %u + dropped on purpose %u\n", sent, shared->injected,
           delivered + delivered_injected, shared->dropped);
    printf("at most, in the first and second half: RSS %u and %u KiB, descriptors %u and %u, queue "
           "%u and %u\n",
           half[0].rss_kib, half[1].rss_kib, half[0].descriptors, half[1].descriptors,
           half[0].queue, half[1].queue);
    fflush(stdout);
    ck_assert_uint_eq(sent + shared->injected, delivered + delivered_injected + shared->dropped);
    ck_assert_uint_eq(shared->errors, 0);
    ck_assert_uint_eq(queue_waiting(PORT), 0);
    ck_assert_uint_gt(shared->forks, 0);
    ck_assert_uint_gt(shared->reopenings, 0);
    ck_assert_uint_le(half[1].rss_kib, half[0].rss_kib + 512);
    ck_assert_uint_le(half[1].descriptors, half[0].descriptors);
    ck_assert_uint_le(half[1].queue, half[0].queue * 2 + WINDOW);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {test_soak};

    seconds = setting("SOAK_SECONDS", 300);
    rate = setting("SOAK_RATE", 5000);
    return run_suite_for("soak", tests, 1, seconds + 120);
}
