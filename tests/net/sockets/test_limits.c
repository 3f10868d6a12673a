/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs that give up the right to open descriptors once they are set up, as sandboxes do:
 * RLIMIT_NOFILE. Each job runs in a process of its own, which has that limit.
 */
#include "make_packet.h"
#include "stress.h"
#include "wire.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define TIMEOUT_S 20
#define PACKETS   3 /* for each job that waits */

struct report {
    _Atomic pid_t waiter; /* the process, just before it waits */
};

static struct report *report;
static int fd, epoll_fd, ends[2];
static uint8_t packet[2000];
static struct sockaddr_in from;
static struct timespec timeout = {.tv_sec = TIMEOUT_S};

static void will_wait(void)
{
    report->waiter = getpid();
}

static int read_and_write(uint32_t expected)
{
    socklen_t size = sizeof(from);
    ssize_t n = recvfrom(fd, packet, sizeof(packet), 0, (struct sockaddr *)&from, &size);

    if (n != SMALL_PACKET)
        return n < 0 ? errno : 200;
    if (small_number(packet) != expected)
        return 201;
    n = sendto(fd, packet, SMALL_PACKET, 0, (struct sockaddr *)&from, size);
    if (n != SMALL_PACKET)
        return n < 0 ? errno : 202;
    return 0;
}

static int set_timeout(long seconds, long us)
{
    struct timeval time = {seconds, us};

    return setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time)) < 0 ? errno : 0;
}

/* ---- jobs: they return 0, an errno, or a number above 200 that says what failed ---- */

static int job_recvfrom(void)
{
    int result = 0;

    will_wait();
    for (uint32_t i = 0; i < PACKETS && !result; i++)
        result = read_and_write(i);
    return result;
}

static int job_recvfrom_with_timeout(void)
{
    if (set_timeout(0, 20000) != 0)
        return 210;
    if (recv(fd, packet, sizeof(packet), 0) != -1 || errno != EAGAIN)
        return 211;
    return set_timeout(TIMEOUT_S, 0) ? 212 : job_recvfrom();
}

/* Waits by that call before each read. */
static int wait_each(int (*wait)(void))
{
    int result = 0;

    will_wait();
    for (uint32_t i = 0; i < PACKETS && !result; i++) {
        int n = wait();

        if (n != 1)
            return n < 0 ? errno : 220;
        result = read_and_write(i);
    }
    return result;
}

static int wait_in_select(void)
{
    struct timeval time = {.tv_sec = TIMEOUT_S};
    fd_set set;

    FD_ZERO(&set);
    FD_SET(fd, &set);
    return select(fd + 1, &set, NULL, NULL, &time);
}

static int wait_in_pselect_with_others(void)
{
    fd_set set;

    FD_ZERO(&set);
    FD_SET(fd, &set);
    FD_SET(ends[0], &set);
    return pselect((fd > ends[0] ? fd : ends[0]) + 1, &set, NULL, NULL, &timeout, NULL);
}

static int wait_in_poll(void)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    return poll(&p, 1, TIMEOUT_S * 1000);
}

static int wait_in_ppoll_with_others(void)
{
    struct pollfd p[] = {{.fd = ends[0], .events = POLLIN}, {.fd = fd, .events = POLLIN}};

    return ppoll(p, 2, &timeout, NULL);
}

static int wait_in_epoll(void)
{
    struct epoll_event event;

    return epoll_wait(epoll_fd, &event, 1, TIMEOUT_S * 1000);
}

static int wait_in_raw_ppoll(void)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    struct timespec time = timeout;

    return (int)syscall(SYS_ppoll, &p, 1, &time, NULL, 8);
}

static int job_select(void)
{
    return wait_each(wait_in_select);
}

static int job_pselect(void)
{
    return wait_each(wait_in_pselect_with_others);
}

static int job_poll(void)
{
    return wait_each(wait_in_poll);
}

static int job_ppoll(void)
{
    return wait_each(wait_in_ppoll_with_others);
}

static int job_epoll(void)
{
    return wait_each(wait_in_epoll);
}

static int job_raw_ppoll(void)
{
    return wait_each(wait_in_raw_ppoll);
}

static int job_recvmmsg(void)
{
    struct iovec vector = {packet, sizeof(packet)};
    struct mmsghdr message = {
        .msg_hdr = {
            .msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &vector, .msg_iovlen = 1}};

    will_wait();
    if (recvmmsg(fd, &message, 1, 0, &timeout) != 1)
        return 230;
    if (sendto(fd, packet, SMALL_PACKET, 0, (struct sockaddr *)&from, sizeof(from)) != SMALL_PACKET)
        return 231;
    for (uint32_t i = 1; i < PACKETS; i++) {
        int result = read_and_write(i);

        if (result)
            return result;
    }
    return 0;
}

/* A child has the limit, too. */
static int job_fork(void)
{
    pid_t pid = fork();
    int status = -1;

    if (pid == 0)
        _exit(job_recvfrom());
    return waitpid(pid, &status, 0) == pid && status == 0 ? 0 : 240;
}

static int job_no_more_descriptors(void)
{
    while (dup(ends[0]) >= 0)
        ;
    if (dup(fd) != -1 || errno != EMFILE)
        return 250;
    if (socket(AF_INET, SOCK_RAW, IPPROTO_DIVERT) != -1 || errno != EMFILE)
        return 251;
    return job_recvfrom();
}

/* Injects packets, after others were sent before. */
static int inject(const char *to)
{
    struct sockaddr_in address = address_make(to, 0);

    for (uint32_t i = 0; i < PACKETS; i++) {
        make_small(packet, i);
        if (sendto(fd, packet, SMALL_PACKET, 0, (struct sockaddr *)&address, sizeof(address)) !=
            SMALL_PACKET)
            return errno;
    }
    return 0;
}

static int job_inject_outgoing(void)
{
    return inject(ANY);
}

static int job_inject_incoming(void)
{
    return inject(IN_ADDRESS);
}

static const struct job {
    const char *name;
    int (*run)(void);
    rlim_t least;       /* the kernel refuses the call with */
    const char *before; /* where to send a packet before the */
} jobs[] = {
    {"recvfrom", job_recvfrom, 0, NULL},
    {"recvfrom with SO_RCVTIMEO", job_recvfrom_with_timeout, 0, NULL},
    {"select", job_select, 0, NULL},
    {"pselect", job_pselect, 0, NULL},
    {"epoll_wait", job_epoll, 0, NULL},
    {"poll", job_poll, 0, NULL},
    {"ppoll", job_ppoll, 0, NULL},
    {"ppoll by a system call", job_raw_ppoll, 1, NULL},
    {"recvmmsg", job_recvmmsg, 0, NULL},
    {"fork", job_fork, 0, NULL},
    {"no more descriptors", job_no_more_descriptors, 0, NULL},
    {"sendto of new outgoing packets", job_inject_outgoing, 0, ANY},
    {"sendto of new incoming packets", job_inject_incoming, 0, IN_ADDRESS},
};
#define JOBS ((int)(sizeof(jobs) / sizeof(jobs[0])))

/* The last one is above the program's descriptors, and below the library's private ones. */
static const rlim_t limits[] = {0, 2, 64};
#define LIMITS ((int)(sizeof(limits) / sizeof(limits[0])))

static int run_limited(const struct job *job, rlim_t number)
{
    struct rlimit limit = {number, number};
    struct epoll_event event = {.events = EPOLLIN};

    epoll_fd = epoll_create1(0);
    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 || pipe(ends) < 0)
        return 190;
    if (job->before) {
        struct sockaddr_in to = address_make(job->before, 0);

        make_small(packet, PACKETS);
        if (sendto(fd, packet, SMALL_PACKET, 0, (struct sockaddr *)&to, sizeof(to)) != SMALL_PACKET)
            return 191;
    }
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        return 192;
    return job->run();
}

static void send_when_it_waits(pid_t pid)
{
    wait_until_child_sleeps(pid, &report->waiter);
    for (uint32_t i = 0; i < PACKETS; i++)
        send_small(i);
}

START_TEST(test_job_with_a_limit)
{
    const struct job *job = &jobs[_i / LIMITS];
    rlim_t limit = limits[_i % LIMITS];
    int status;
    pid_t pid;

    if (limit < job->least)
        return;
    report = shared_memory(sizeof(*report));
    fd = divert_ready();
    pid = fork();
    if (pid == 0)
        _exit(run_limited(job, limit));
    if (!job->before)
        send_when_it_waits(pid);
    status = wait_for_child(pid);
    ck_assert_msg(status == 0, "expected %s with a limit of %d descriptors, got 0x%x: %s",
                  job->name, (int)limit, status, strerror(WEXITSTATUS(status)));
    if (job->before)
        wire_receive(&out0, packet, sizeof(packet));
    for (uint32_t i = 0; i < PACKETS; i++) {
        ck_assert_uint_eq(wire_receive(&out0, packet, sizeof(packet)), SMALL_PACKET);
        ck_assert_uint_eq(small_number(packet), i);
    }
    wire_expect_silence(&out0);
}
END_TEST

/* The port is then free, although the process with the limit lives on. */
START_TEST(test_close_with_a_limit)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    struct rlimit limit = {limits[_i], limits[_i]};
    pid_t pid;

    report = shared_memory(sizeof(*report));
    pid = fork();
    if (pid == 0) {
        fd = socket(AF_INET, SOCK_RAW, IPPROTO_DIVERT);
        if (bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0 ||
            setrlimit(RLIMIT_NOFILE, &limit) < 0 || close(fd) < 0)
            _exit(1);
        will_wait();
        pause();
    }
    while (report->waiter == 0 && !has_ended(pid))
        usleep(1000);
    ck_assert(!has_ended(pid));
    divert_bound(PORT);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}
END_TEST

int main(void)
{
    const TTest *const each_job[] = {test_job_with_a_limit};
    const TTest *const each_limit[] = {test_close_with_a_limit};
    int failed = run_suite_with("limits", each_job, 1, JOBS * LIMITS);

    return failed | run_suite_with("close", each_limit, 1, LIMITS);
}
