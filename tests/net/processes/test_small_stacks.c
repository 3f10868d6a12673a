/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads with the smallest stacks that there are. Each job runs in a process of its own, in a
 * thread with a wide guard below its stack: one that needs more dies there.
 */
#include "make_packet.h"
#include "musl.h"
#include "stress.h"
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define GUARD     (1 << 20)
#define LARGE_LEN 3028 /* bytes of a packet that must be cut for an MTU of 1500 */
#define MTU       1500
#define MANY      64
#define TIMEOUT_S 20

extern char **environ;

/* What the process of the job reports to the test. */
struct report {
    _Atomic bool bound;   /* the socket is bound */
    _Atomic pid_t waiter; /* the thread that is about to wait */
};

static struct report *report;

/* Large objects, to keep them off the stack. */
static int fd;
static uint8_t large[LARGE_LEN], packet[2000], many[MANY][200];
static struct sockaddr_in from, any = {.sin_family = AF_INET}, in_address;
static struct mmsghdr messages[MANY];
static struct iovec vectors[MANY];
static struct timeval timeout = {.tv_sec = TIMEOUT_S};
static fd_set set;

static int bind_socket(void)
{
    any.sin_port = htons(PORT);
    fd = socket(AF_INET, SOCK_RAW, IPPROTO_DIVERT);
    if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0)
        return 10;
    any.sin_port = 0;
    return 0;
}

static int read_one(void)
{
    socklen_t size = sizeof(from);

    return recvfrom(fd, packet, sizeof(packet), 0, (struct sockaddr *)&from, &size) == SMALL_PACKET
               ? 0
               : 20;
}

static int write_one(void)
{
    return sendto(fd, packet, SMALL_PACKET, 0, (struct sockaddr *)&from, sizeof(from)) ==
                   SMALL_PACKET
               ? 0
               : 21;
}

static int read_and_write(void)
{
    int result = read_one();

    return result ? result : write_one();
}

static int will_wait(void)
{
    report->waiter = gettid();
    return 0;
}

/* ---- jobs: they return 0, or a number that says what failed ---- */

static int job_recvfrom_waits(void)
{
    will_wait();
    return read_and_write();
}

static int job_poll_waits(void)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    will_wait();
    return poll(&p, 1, TIMEOUT_S * 1000) == 1 ? read_and_write() : 30;
}

static int job_select_waits(void)
{
    FD_ZERO(&set);
    FD_SET(fd, &set);
    will_wait();
    return select(fd + 1, &set, NULL, NULL, &timeout) == 1 ? read_and_write() : 31;
}

static int job_epoll_waits(void)
{
    int epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN};

    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        return 32;
    will_wait();
    return epoll_wait(epoll, &event, 1, TIMEOUT_S * 1000) == 1 ? read_and_write() : 33;
}

static int job_recvmmsg_waits(void)
{
    for (int i = 0; i < MANY; i++) {
        vectors[i] = (struct iovec){many[i], sizeof(many[i])};
        messages[i].msg_hdr = (struct msghdr){.msg_iov = &vectors[i], .msg_iovlen = 1};
    }
    messages[0].msg_hdr.msg_name = &from;
    messages[0].msg_hdr.msg_namelen = sizeof(from);
    will_wait();
    if (recvmmsg(fd, messages, MANY, MSG_WAITFORONE, NULL) != 1)
        return 34;
    memcpy(packet, many[0], SMALL_PACKET);
    return write_one();
}

static int job_bind(void)
{
    return bind_socket();
}

static int job_bind_read_and_write(void)
{
    int result = bind_socket();

    report->bound = true;
    will_wait();
    return result ? result : read_and_write();
}

static int job_close(void)
{
    return close(fd);
}

/* Writes the first packet of the process, which no verdict can send. */
static int job_send_fragments(void)
{
    return sendto(fd, large, LARGE_LEN, 0, (struct sockaddr *)&any, sizeof(any)) == LARGE_LEN ? 0
                                                                                              : 40;
}

static int job_inject_outgoing(void)
{
    return sendto(fd, packet, SMALL_PACKET, 0, (struct sockaddr *)&any, sizeof(any)) == SMALL_PACKET
               ? 0
               : 41;
}

static int job_inject_incoming(void)
{
    return sendto(fd, packet, SMALL_PACKET, 0, (struct sockaddr *)&in_address,
                  sizeof(in_address)) == SMALL_PACKET
               ? 0
               : 42;
}

static int job_options(void)
{
    int value = 1 << 20;
    socklen_t size = sizeof(value);

    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &value, size) < 0 ||
        getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &value, &size) < 0 || ioctl(fd, FIONREAD, &value) < 0)
        return 50;
    return fcntl(fd, F_SETFL, O_NONBLOCK) < 0 || recv(fd, packet, 1, 0) != -1 || errno != EAGAIN
               ? 51
               : 0;
}

static int job_copies(void)
{
    int copy = dup(fd);

    if (copy < 0 || dup2(fd, 100) != 100 || fcntl(fd, F_DUPFD, 200) != 200 || close(copy) < 0)
        return 60;
    return close_range(100, 200, 0);
}

static int wait_for_end(pid_t pid, int reason)
{
    int status = -1;

    return waitpid(pid, &status, 0) == pid && status == 0 ? 0 : reason;
}

static int job_fork(void)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(recv(fd, packet, 1, MSG_DONTWAIT) != -1);
    return wait_for_end(pid, 70);
}

static int job_exec(void)
{
    pid_t pid = fork();

    if (pid == 0) {
        execl("/bin/true", "true", (char *)NULL);
        _exit(1);
    }
    return wait_for_end(pid, 71);
}

static int job_execvp(void)
{
    static char *argv[] = {"true", NULL};
    pid_t pid = fork();

    if (pid == 0) {
        execvp("true", argv);
        _exit(1);
    }
    return wait_for_end(pid, 72);
}

static int job_spawn(void)
{
    static char *argv[] = {"true", NULL};
    pid_t pid;

    return posix_spawnp(&pid, "true", NULL, NULL, argv, environ) == 0 ? wait_for_end(pid, 73) : 74;
}

enum outcome { NOTHING, ONE_PACKET, FRAGMENTS };

static const struct job {
    const char *name;
    int (*run)(void);
    bool bound; /* before the thread starts */
    bool waits; /* for a packet */
    enum outcome outcome;
} jobs[] = {
    {"recvfrom", job_recvfrom_waits, true, true, ONE_PACKET},
    {"poll", job_poll_waits, true, true, ONE_PACKET},
    {"select", job_select_waits, true, true, ONE_PACKET},
    {"epoll_wait", job_epoll_waits, true, true, ONE_PACKET},
    {"recvmmsg", job_recvmmsg_waits, true, true, ONE_PACKET},
    {"bind", job_bind, false, false, NOTHING},
    {"bind, recvfrom, sendto", job_bind_read_and_write, false, true, ONE_PACKET},
    {"close", job_close, true, false, NOTHING},
    {"sendto of what must be fragmented", job_send_fragments, true, false, FRAGMENTS},
    {"sendto of a new outgoing packet", job_inject_outgoing, true, false, ONE_PACKET},
    {"sendto of a new incoming packet", job_inject_incoming, true, false, ONE_PACKET},
    {"options", job_options, true, false, NOTHING},
    {"dup, dup2, close_range", job_copies, true, false, NOTHING},
    {"fork", job_fork, true, false, NOTHING},
    {"execl", job_exec, true, false, NOTHING},
    {"execvp", job_execvp, true, false, NOTHING},
    {"posix_spawnp", job_spawn, true, false, NOTHING},
};
#define JOBS ((int)(sizeof(jobs) / sizeof(jobs[0])))

#define SIZES 3 /* the smallest stack that there is, twice and four times as much */

/* What libc takes: 16 KiB, but 128 KiB on arm64. */
static size_t smallest_stack(void)
{
    size_t size = 16384;
    pthread_attr_t attributes;

    pthread_attr_init(&attributes);
    while (pthread_attr_setstacksize(&attributes, size) != 0)
        size *= 2;
    pthread_attr_destroy(&attributes);
    return size;
}

static void *run_job(void *arg)
{
    return (void *)(intptr_t)((const struct job *)arg)->run();
}

/*
 * Runs a job in a thread with that much stack. Returns what the job returned, or 90 and up for
 * other failures.
 */
static int on_small_stack(const struct job *job, size_t size)
{
    uint8_t *block = mmap(NULL, GUARD + size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pthread_attr_t attributes;
    pthread_t thread;
    void *result;

    if (block == MAP_FAILED || mprotect(block + GUARD, size, PROT_READ | PROT_WRITE) < 0)
        return 90;
    pthread_attr_init(&attributes);
    if (pthread_attr_setstack(&attributes, block + GUARD, size) != 0)
        return 91;
    if (pthread_create(&thread, &attributes, run_job, (void *)job) != 0)
        return 92;
    pthread_join(thread, &result);
    return (int)(intptr_t)result;
}

static int job_process(const struct job *job, size_t size)
{
    if (job->bound) {
        int result = bind_socket();

        if (result)
            return result;
        report->bound = true;
    }
    return on_small_stack(job, size);
}

static void make_packets(void)
{
    static uint8_t payload[LARGE_LEN - HEADER - 8];

    in_address = address_make(IN_ADDRESS, 0);
    for (size_t i = 0; i < sizeof(payload); i++)
        payload[i] = (uint8_t)(i * 7);
    make_udp(large, OUT_ADDRESS, 1111, OUT_PEER, 2222, 77, payload, sizeof(payload));
    make_small(packet, 5);
}

static void send_when_it_waits(pid_t pid)
{
    wait_until_child_sleeps(pid, &report->waiter);
    send_small(5);
}

START_TEST(test_job_on_a_small_stack)
{
    const struct job *job = &jobs[_i / SIZES];
    size_t size = smallest_stack() << _i % SIZES;
    int status;
    pid_t pid;

    report = shared_memory(sizeof(*report));
    make_packets();
    divert_incoming(PORT);
    pid = fork();
    if (pid == 0)
        _exit(job_process(job, size));
    if (job->waits)
        send_when_it_waits(pid);
    status = wait_for_child(pid);
    ck_assert_msg(!WIFSIGNALED(status), "expected %s with a stack of %zu bytes, died of %s",
                  job->name, size, strsignal(WTERMSIG(status)));
    ck_assert_msg(status == 0, "expected %s with a stack of %zu bytes, got %d", job->name, size,
                  WEXITSTATUS(status));
    if (job->outcome == ONE_PACKET)
        wire_expect_with_any_id(&out0, packet, SMALL_PACKET);
    if (job->outcome == FRAGMENTS)
        wire_expect_fragments(&out0, large, LARGE_LEN, MTU, HEADER, 0);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {test_job_on_a_small_stack};

    return run_suite_with("small stacks", tests, 1, JOBS * SIZES);
}
