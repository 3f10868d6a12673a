/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each system call of the library fails, in turn, with each error that it can give, while a program
 * reads, rewrites, drops, injects, waits, forks, closes and opens again. Either the traffic goes
 * on, or the program gets an errno and its next attempt works. The program does not hang or crash,
 * no packet is duplicated, and nothing is left behind. Without FAULTS=all in the environment only a
 * sample of the calls fails: the first and the last of each.
 */
#include "fail.h"
#include "make_packet.h"
#include "wire.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/wait.h>
#include <unistd.h>

#define IDS        16
#define ATTEMPTS   4
#define TIMEOUT_MS 10000 /* for what must arrive */
#define LOOK_MS    60    /* for what may arrive */
#define PROCESS_S  60    /* for the whole program */
#define NTH_MAX    10    /* calls of one kind that fail in turn */
#define ERRORS_MAX 6

/* What the program observed. */
static struct result {
    char problem[256];
    unsigned refused; /* calls of the program that failed */
    unsigned arrived[IDS];
} * result;

static struct fail_plan *plan;
static unsigned faults, reached, problems;

/* ---- the program: only calls on its divert socket can fail ---- */

#define ARMED(expression)          \
    ({                             \
        __typeof__(expression) v_; \
        int error_;                \
        fail_arm(true);            \
        v_ = (expression);         \
        error_ = errno;            \
        fail_arm(false);           \
        errno = error_;            \
        if ((long)v_ < 0)          \
            result->refused++;     \
        v_;                        \
    })

static uint8_t buffer[2048];
static struct sockaddr_in from;

/* The first problem is kept. When calls fail for ever, only what is left behind is a problem. */
__attribute__((format(printf, 1, 2))) static void problem(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    if (!result->problem[0])
        vsnprintf(result->problem, sizeof(result->problem), format, args);
    va_end(args);
}

static void note_arrivals(void)
{
    uint8_t frame[2048];

    while (recv(out0.fd, frame, sizeof(frame), MSG_DONTWAIT) >= 34) {
        unsigned id = (unsigned)(frame[18] << 8 | frame[19]);

        if (id < IDS)
            result->arrived[id]++;
    }
}

static void send_in(uint16_t id)
{
    uint8_t packet[64];

    wire_send(&in0, packet, make_udp(packet, IN_PEER, 1, OUT_PEER, 2, id, "x", 1));
}

static int open_bound(void)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(PORT)};

    for (int i = 0; i < ATTEMPTS; i++) {
        int fd = ARMED(socket(AF_INET, SOCK_RAW, IPPROTO_DIVERT));

        if (fd < 0)
            continue;
        if (ARMED(bind(fd, (struct sockaddr *)&sin, sizeof(sin))) == 0)
            return fd;
        if (!plan->error)
            problem("bind: %s", strerror(errno));
        ARMED(close(fd));
    }
    problem("no divert socket after %d attempts", ATTEMPTS);
    return -1;
}

static bool put(int fd, const void *packet, ssize_t len, const struct sockaddr_in *to)
{
    for (int i = 0; i < ATTEMPTS; i++) {
        if (ARMED(sendto(fd, packet, (size_t)len, 0, (const struct sockaddr *)to,
                         to ? sizeof(*to) : 0)) == len)
            return true;
    }
    problem("%d writes of a packet failed: %s", ATTEMPTS, strerror(errno));
    return false;
}

/* Reads packets until this one comes, and passes the others on. */
static ssize_t take(int fd, uint16_t id)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    for (int failed = 0; failed < ATTEMPTS;) {
        socklen_t size = sizeof(from);
        ssize_t n = ARMED(poll(&p, 1, plan->for_ever ? LOOK_MS : TIMEOUT_MS));

        if (n > 0)
            n = ARMED(recvfrom(fd, buffer, sizeof(buffer), MSG_DONTWAIT, (struct sockaddr *)&from,
                               &size));
        if (n > 0 && (buffer[4] << 8 | buffer[5]) == id)
            return n;
        if (n > 0)
            put(fd, buffer, n, &from);
        else
            failed++;
    }
    problem("packet %u was not read", id);
    return -1;
}

static void expect_arrival(int fd, uint16_t id, bool must)
{
    struct pollfd p[2] = {{.fd = out0.fd, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
    int timeout = must && !plan->for_ever ? TIMEOUT_MS : LOOK_MS;

    for (int waited = 0; waited < timeout && !result->arrived[id]; waited += 10) {
        ARMED(poll(&p[1], 1, 0)); /* what was injected goes on when the program */
        poll(p, 1, 10);
        note_arrivals();
    }
    if (must && !result->arrived[id])
        problem("packet %u was written and did not arrive", id);
}

static void pass_rewritten(int fd, uint16_t id)
{
    ssize_t n;
    bool sent = false;

    send_in(id);
    n = take(fd, id);
    if (n > 0) {
        buffer[n - 1] = 'y';
        sent = put(fd, buffer, n, &from);
    }
    n = sent ? take(fd, id) : -1;
    if (n > 0 && buffer[n - 1] != 'y')
        problem("packet %u lost what was written into it", id);
    expect_arrival(fd, id, n > 0 && put(fd, buffer, n, &from));
}

/*
 * It resembles nothing that was read, or it would take the place of that. A full queue or a rule
 * may drop it: those errors are no problem.
 */
static void inject(int fd, uint16_t id, const char *address)
{
    struct sockaddr_in to = {.sin_family = AF_INET};
    uint8_t packet[64];
    size_t n = make_udp(packet, IN_PEER, 3, OUT_PEER, 4, id, "injected", 8);
    unsigned hits = plan->hits;
    bool sent;

    inet_pton(AF_INET, address, &to.sin_addr);
    sent = put(fd, packet, (ssize_t)n, &to);
    expect_arrival(fd, id, sent && plan->hits == hits);
}

static void wait_by_other_calls(int fd)
{
    struct timeval timeout = {.tv_usec = 5000};
    struct epoll_event event = {.events = EPOLLIN};
    int epoll = epoll_create1(0);
    fd_set set;

    FD_ZERO(&set);
    FD_SET(fd, &set);
    ARMED(select(fd + 1, &set, NULL, NULL, &timeout));
    ARMED(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
    ARMED(epoll_wait(epoll, &event, 1, 5));
    ARMED(close(epoll));
}

static void pass_in_child(int fd, uint16_t id)
{
    int status;
    pid_t pid = ARMED(fork());

    if (pid == 0) {
        pass_rewritten(fd, id);
        _exit(0);
    }
    if (pid < 0)
        return;
    waitpid(pid, &status, 0);
    if (status)
        problem("the child ended with status %d", status);
}

static unsigned descriptors(void)
{
    DIR *d = opendir("/proc/self/fd");
    unsigned count = 0;

    while (readdir(d))
        count++;
    closedir(d);
    return count;
}

/* One descriptor stays open: the library follows changes of interfaces by it. */
static void expect_nothing_left(unsigned before)
{
    if (descriptors() > before + 1)
        problem("%u descriptors are left where %u were", descriptors(), before);
    if (if_nametoindex("divert0"))
        problem("the TAP device is left");
}

static void expect_queue_empty(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    for (int waited = 0; queue_waiting(PORT) && waited < TIMEOUT_MS; waited += 20)
        ARMED(poll(&p, 1, 20));
    if (queue_waiting(PORT) && !plan->for_ever)
        problem("%u packets wait in the kernel for ever", queue_waiting(PORT));
}

static void program(void)
{
    unsigned before = descriptors();
    int fd = open_bound();

    if (fd >= 0) {
        pass_rewritten(fd, 1);
        send_in(2);
        take(fd, 2); /* and does not write it */
        inject(fd, 3, "0.0.0.0");
        inject(fd, 4, IN_ADDRESS);
        wait_by_other_calls(fd);
        pass_in_child(fd, 5);
        pass_rewritten(fd, 6);
        expect_queue_empty(fd);
        ARMED(close(fd));
    }
    expect_nothing_left(before);
    fd = open_bound();
    if (fd >= 0) {
        pass_rewritten(fd, 7);
        ARMED(close(fd));
    }
    expect_nothing_left(before);
    _exit(0);
}

/* ---- the test ---- */

static void wait_for(pid_t pid)
{
    int status = 0;

    for (int waited = 0; waitpid(pid, &status, WNOHANG) == 0; waited += 5) {
        if (waited > PROCESS_S * 1000) {
            problem("the program hangs");
            kill(pid, SIGKILL);
        }
        poll(NULL, 0, 5);
    }
    if (WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL)
        problem("the program died of signal %d", WTERMSIG(status));
}

static void judge(void)
{
    static const bool must_never[IDS] = {[2] = true};

    note_arrivals();
    for (unsigned id = 0; id < IDS; id++) {
        if (result->arrived[id] > (must_never[id] ? 0 : 1))
            problem("packet %u arrived %u times", id, result->arrived[id]);
    }
    if (queue_waiting(PORT))
        problem("a queue is left");
}

/* When a call fails for ever, only these are problems. */
static bool is_its_own(const char *text)
{
    return plan->for_ever && (strstr(text, "attempts") || strstr(text, "not read") ||
                              strstr(text, "failed") || strstr(text, "not arrive"));
}

static void run_program(const char *name, unsigned nth, int error, bool for_ever)
{
    pid_t pid;

    memset(result, 0, sizeof(*result));
    memset(plan, 0, sizeof(*plan));
    snprintf(plan->name, sizeof(plan->name), "%s", name);
    plan->nth = nth;
    plan->error = error;
    plan->for_ever = for_ever;
    pid = fork();
    if (pid == 0)
        program();
    wait_for(pid);
    judge();
    faults++;
    reached += plan->hits > 0;
    if (!result->problem[0] || is_its_own(result->problem))
        return;
    problems++;
    printf("%s, call %u%s, %s: %s\n", name, nth, for_ever ? " and all that follow" : "",
           error ? strerror(error) : "no fault", result->problem);
    fflush(stdout);
}

/* The errors that a call can give by its documentation, and the library must cope with. */
static const struct kind {
    const char *name;
    int error[ERRORS_MAX];
} kinds[] = {
    {"socket", {EMFILE, ENFILE, ENOBUFS, EPERM, EPROTONOSUPPORT}},
    {"bind", {ENOMEM, EADDRINUSE, EPERM}},
    {"connect", {ENETUNREACH, EAGAIN}},
    {"getsockopt", {ENOPROTOOPT, ENOBUFS}},
    {"setsockopt", {ENOPROTOOPT, ENOBUFS, EPERM}},
    {"read", {EAGAIN, EIO, EINTR}},
    {"write", {EAGAIN, EIO, EINTR}},
    {"writev", {EIO, EBADFD, EAGAIN, ENOMEM, EINVAL}},
    {"send", {ENOBUFS, ENOMEM, EINTR, EAGAIN, ECONNREFUSED}},
    {"sendmsg", {ENOBUFS, ENOMEM, EINTR, EPERM, EAGAIN, EHOSTUNREACH}},
    {"recv", {ENOBUFS, ENOMEM, EINTR, EAGAIN}},
    {"recvmmsg", {ENOBUFS, ENOMEM, EINTR, EAGAIN}},
    {"poll", {EINTR, ENOMEM}},
    {"ppoll", {EINTR, ENOMEM}},
    {"epoll_create1", {EMFILE, ENOMEM}},
    {"epoll_ctl", {ENOMEM, ENOSPC}},
    {"epoll_wait", {EINTR}},
    {"eventfd", {EMFILE, ENOMEM, ENFILE}},
    {"memfd_create", {EMFILE, ENOMEM, ENOSYS}},
    {"ftruncate", {ENOSPC, EINTR}},
    {"mmap", {ENOMEM, EAGAIN}},
    {"fork", {EAGAIN, ENOMEM}},
    {"getrlimit", {EINVAL}},
    {"close", {EIO, EINTR}},
    {"pthread_create", {EAGAIN, EPERM}},
    {"fcntl", {EMFILE, EINVAL}},
    {"ioctl", {EPERM, EBUSY, ENODEV, ENOMEM}},
    {"open", {ENOENT, EACCES, EMFILE, ENODEV}},
    {"prctl", {EPERM}},
    {"bpf", {EPERM, ENOMEM, EINVAL, ENOSYS}},
    {"capget", {EPERM}},
    {"futex", {EAGAIN, EINTR}},
    {"pidfd_open", {EMFILE, ENOSYS}},
};

static unsigned calls_of(const struct fail_count *count, const char *name)
{
    for (int i = 0; i < FAIL_CALLS; i++) {
        if (strcmp(count[i].name, name) == 0)
            return count[i].calls;
    }
    return 0;
}

static void fail_all(const struct kind *k, unsigned calls, bool all)
{
    for (int e = 0; e < ERRORS_MAX && k->error[e] && (all || e == 0); e++) {
        for (unsigned n = 1; n <= calls && n <= NTH_MAX; n++) {
            if (all || n == 1)
                run_program(k->name, n, k->error[e], false);
        }
        if (calls > (all ? NTH_MAX : 1))
            run_program(k->name, calls, k->error[e], false);
        /* No call gives EINTR or EAGAIN for ever. */
        if (k->error[e] != EINTR && k->error[e] != EAGAIN && all)
            run_program(k->name, 1, k->error[e], true);
    }
}

static void *shared(size_t size)
{
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    ck_assert_ptr_ne(p, MAP_FAILED);
    return p;
}

START_TEST(test_a_system_call_that_fails_does_no_harm)
{
    const char *faults_wanted = getenv("FAULTS"), *only = getenv("FAULTS_OF");
    bool all = faults_wanted && strcmp(faults_wanted, "all") == 0;
    struct fail_count count[FAIL_CALLS];

    plan = shared(sizeof(*plan));
    result = shared(sizeof(*result));
    fail_use(plan);
    divert_incoming(PORT);
    divert_outgoing(PORT);
    run_program("none", 0, 0, false);
    ck_assert_msg(problems == 0, "expected all to go well without a fault");
    memcpy(count, plan->count, sizeof(count));
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        const struct kind *k = &kinds[i];

        if (!only || strcmp(only, k->name) == 0)
            fail_all(k, calls_of(count, k->name), all);
    }
    printf("%u faults, %u of them met the library, %u did harm\n", faults - 1, reached, problems);
    fflush(stdout);
    ck_assert_uint_eq(problems, 0);
    ck_assert_uint_ge(reached, only ? 1 : 20);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {test_a_system_call_that_fails_does_no_harm};

    return run_suite_for("faults", tests, 1, 3600);
}
