/* SPDX-License-Identifier: BSD-2-Clause */
/* Clocks, threads and numbered packets for tests that run under load. */
#include "stress.h"

#include "make_packet.h"

#include <dirent.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

double stress_clock(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static double stress_seconds(void)
{
    const char *seconds = getenv("DIVERT_STRESS_SECONDS");

    return seconds ? atof(seconds) : 2;
}

double stress_end(void)
{
    return stress_clock() + stress_seconds();
}

void stress_allow_time(void)
{
    char factor[16];

    snprintf(factor, sizeof(factor), "%d", 1 + (int)stress_seconds() / 20);
    setenv("CK_TIMEOUT_MULTIPLIER", factor, 0);
}

bool is_asleep(pid_t tid)
{
    char path[64], state = '?';
    bool found;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/stat", tid);
    f = fopen(path, "r");
    if (!f)
        return false;
    found = fscanf(f, "%*d %*s %c", &state) == 1;
    fclose(f);
    return found && state == 'S';
}

void wait_until_asleep(pid_t tid)
{
    int waited = 0;

    usleep(1000);
    while (!is_asleep(tid) && waited++ < SOON_MS)
        usleep(1000);
    ck_assert_msg(waited <= SOON_MS, "expected thread %d to sleep", tid);
}

bool has_ended(pid_t child)
{
    siginfo_t info = {0};

    return waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           info.si_pid == child;
}

void wait_until_child_sleeps(pid_t child, const _Atomic pid_t *tid)
{
    while ((*tid == 0 || !is_asleep(*tid)) && !has_ended(child))
        usleep(1000);
}

int count_threads(void)
{
    DIR *directory = opendir("/proc/self/task");
    int count = -2; /* "." and ".." */

    while (directory && readdir(directory))
        count++;
    if (directory)
        closedir(directory);
    return count;
}

int wait_for_child(pid_t pid)
{
    int status = -1, waited = 0;
    pid_t ended;

    while ((ended = waitpid(pid, &status, WNOHANG)) == 0 && waited++ < 2 * SOON_MS)
        usleep(1000);
    if (ended == 0) {
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
        ck_abort_msg("expected child %d to end, it hangs", pid);
    }
    ck_assert_int_eq(ended, pid);
    return status;
}

pid_t make_child(int way)
{
    if (way == BY_FORK)
        return fork();
    if (way == BY_RAW_FORK)
        return _Fork();
    return (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
}

void make_small(uint8_t *buffer, uint32_t number)
{
    make_udp(buffer, IN_PEER, 1111, OUT_PEER, 2222, (uint16_t)(number % 65535 + 1), &number,
             sizeof(number));
}

uint32_t small_number(const uint8_t *packet)
{
    uint32_t number;

    memcpy(&number, packet + HEADER + 8, sizeof(number));
    return number;
}

void send_small(uint32_t number)
{
    uint8_t packet[SMALL_PACKET];

    make_small(packet, number);
    wire_send(&in0, packet, sizeof(packet));
}

void send_burst(unsigned count)
{
    unsigned before = queue_waiting(PORT);

    for (unsigned i = 0; i < count; i++)
        send_small(i);
    for (int i = 0; i < SOON_MS && queue_waiting(PORT) < before + count; i++)
        usleep(1000);
    ck_assert_uint_eq(queue_waiting(PORT), before + count);
}

void read_small(int fd)
{
    uint8_t packet[2 * SMALL_PACKET];
    ssize_t n = recv(fd, packet, sizeof(packet), MSG_DONTWAIT);

    ck_assert_msg(n == SMALL_PACKET, "expected a packet, got %zd: %s", n, strerror(errno));
}

/* Signals are for the threads under test. */
static void block_signals(void)
{
    sigset_t all;

    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
}

static void *flood_run(void *arg)
{
    struct flood *f = arg;

    block_signals();
    while (!f->stop && f->sent < f->max && (f->lasts == 0 || stress_clock() < f->end)) {
        if (f->sent - *f->taken >= f->ahead) {
            usleep(100);
            continue;
        }
        send_small(f->sent);
        f->sent++;
    }
    for (uint32_t i = 0; i < f->lasts; i++)
        send_small(f->last);
    return NULL;
}

void flood_start_until(struct flood *f, _Atomic uint32_t *taken, uint32_t ahead, uint32_t max,
                       double end, uint32_t last, uint32_t lasts)
{
    *f = (struct flood){
        .taken = taken, .ahead = ahead, .max = max, .end = end, .last = last, .lasts = lasts};
    ck_assert_int_eq(pthread_create(&f->thread, NULL, flood_run, f), 0);
}

void flood_start(struct flood *f, _Atomic uint32_t *taken, uint32_t ahead, uint32_t max)
{
    flood_start_until(f, taken, ahead, max, 0, 0, 0);
}

uint32_t flood_stop(struct flood *f)
{
    f->stop = true;
    pthread_join(f->thread, NULL);
    return f->sent;
}

void wires_keep_little(void)
{
    int bytes = 4096;

    setsockopt(in0.near_fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
    setsockopt(out0.near_fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
}

static struct {
    pthread_t thread;
    _Atomic bool stop;
    uint8_t *seen; /* how often each number came */
    uint32_t max;
    _Atomic uint32_t count; /* numbers seen */
    _Atomic uint32_t twice, strange;
} collected;

static void collect_one(const uint8_t *packet, size_t len)
{
    uint32_t number = collected.max;

    if (len == SMALL_PACKET)
        number = small_number(packet);
    if (number >= collected.max)
        collected.strange++;
    else if (collected.seen[number]++)
        collected.twice++;
    else
        collected.count++;
}

static void *collect_run(void *arg)
{
    struct pollfd p = {.fd = out0.fd, .events = POLLIN};
    uint8_t frame[ETH_HLEN + 2000];
    struct sockaddr_ll from;

    block_signals();
    for (;;) {
        socklen_t size = sizeof(from);
        ssize_t n =
            recvfrom(out0.fd, frame, sizeof(frame), MSG_DONTWAIT, (struct sockaddr *)&from, &size);

        if (n >= ETH_HLEN && from.sll_pkttype != PACKET_OUTGOING)
            collect_one(frame + ETH_HLEN, (size_t)n - ETH_HLEN);
        if (n < 0 && collected.stop)
            return arg;
        if (n < 0)
            poll(&p, 1, 20);
    }
}

void collect_start(uint32_t max)
{
    collected.stop = false;
    collected.seen = calloc(max, 1);
    collected.max = max;
    collected.count = collected.twice = collected.strange = 0;
    ck_assert_ptr_nonnull(collected.seen);
    ck_assert_int_eq(pthread_create(&collected.thread, NULL, collect_run, NULL), 0);
}

void collect_end(void)
{
    collected.stop = true;
    pthread_join(collected.thread, NULL);
}

uint32_t collect_some(void)
{
    collect_end();
    ck_assert_msg(collected.twice == 0, "expected each packet once, %u came again",
                  collected.twice);
    ck_assert_msg(collected.strange == 0, "expected packets with numbers, got %u others",
                  collected.strange);
    return collected.count;
}

void collect_each_once(uint32_t count)
{
    for (int i = 0; i < SOON_MS && collected.count < count; i++)
        usleep(1000);
    collect_some();
    for (uint32_t i = 0; i < count; i++)
        ck_assert_msg(collected.seen[i], "expected packet %u of %u, it was lost; %u came", i, count,
                      collected.count);
    ck_assert_uint_eq(collected.count, count);
    wire_expect_silence(&out0);
}

void *shared_memory(size_t size)
{
    void *block = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    ck_assert_ptr_ne(block, MAP_FAILED);
    return block;
}
