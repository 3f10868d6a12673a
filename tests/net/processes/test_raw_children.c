/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Children that are made without the C library's fork handlers, by _Fork(3) or clone(2); children
 * that are killed; and children that are made while other threads are busy.
 */
#include "make_packet.h"
#include "stress.h"
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define NUMBERS   1000000    /* the most packets of a stress test */
#define LAST      UINT32_MAX /* the number of a packet that ends its reader */
#define PATIENT_S 10

extern char **environ;

/* Counters that parent and child share. */
struct shared {
    _Atomic uint32_t taken;
    _Atomic int refused; /* reads that failed */
    _Atomic int error;   /* their errno */
    _Atomic uint32_t here[2];
};

static struct shared *shared;

/* Passes packets on with blocking calls until one says that it is the last. */
static void pass_until_last(int fd, int who)
{
    uint8_t packet[2000];
    struct sockaddr_in from;

    for (;;) {
        socklen_t size = sizeof(from);
        ssize_t n = recvfrom(fd, packet, sizeof(packet), 0, (struct sockaddr *)&from, &size);

        if (n != SMALL_PACKET) {
            shared->error = n < 0 ? errno : (int)n;
            if (++shared->refused > 100)
                return;
            continue;
        }
        shared->here[who]++;
        if (small_number(packet) == LAST)
            return;
        if (sendto(fd, packet, (size_t)n, 0, (struct sockaddr *)&from, size) != n) {
            shared->error = errno;
            shared->refused++;
        }
        shared->taken++;
    }
}

static void expect_nothing_refused(void)
{
    ck_assert_msg(shared->refused == 0, "expected no blocking call to fail, %d did with %s",
                  shared->refused, strerror(shared->error));
}

static void expect_status(pid_t pid, int expected)
{
    int status = wait_for_child(pid);

    ck_assert_msg(status == expected, "expected status 0x%x, got 0x%x", expected, status);
}

START_TEST(test_child_and_parent_read_the_same_socket)
{
    int fd = divert_ready();
    struct flood flood;
    double end = stress_end();
    uint32_t sent;
    pid_t pid;

    shared = shared_memory(sizeof(*shared));
    wires_keep_little();
    pid = make_child(_i);
    if (pid == 0) {
        pass_until_last(fd, 1);
        _exit(0);
    }
    collect_start(NUMBERS);
    flood_start_until(&flood, &shared->taken, 300, NUMBERS, end, LAST, 2);
    pass_until_last(fd, 0);
    pthread_join(flood.thread, NULL);
    sent = flood.sent;
    expect_status(pid, 0);
    expect_nothing_refused();
    ck_assert_uint_eq(shared->here[0] + shared->here[1], sent + 2);
    collect_each_once(sent);
}
END_TEST

static void set_patience(int fd, long seconds)
{
    struct timeval time = {.tv_sec = seconds};

    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time)), 0);
}

/* Passes on what is there, up to the packet with that number. */
static void pass_up_to(int fd, uint32_t number)
{
    uint8_t packet[2000];
    struct sockaddr_in from;
    uint32_t got = number + 1;

    while (got != number) {
        socklen_t size = sizeof(from);
        ssize_t n = recvfrom(fd, packet, sizeof(packet), 0, (struct sockaddr *)&from, &size);

        ck_assert_msg(n == SMALL_PACKET, "expected to read on up to packet %u, got %zd: %s", number,
                      n, strerror(errno));
        got = small_number(packet);
        ck_assert_int_eq(sendto(fd, packet, (size_t)n, 0, (struct sockaddr *)&from, size), n);
    }
}

static void sleep_some_us(unsigned max)
{
    usleep((useconds_t)((unsigned)random() % max));
}

/*
 * Waits until the child has ended and takes no more packets; unless it is reaped the kernel still
 * knows its process id.
 */
static void wait_for_end(pid_t pid, bool forget)
{
    siginfo_t info;

    ck_assert_int_eq(waitid(P_PID, (id_t)pid, &info, forget ? WEXITED : WEXITED | WNOWAIT), 0);
}

START_TEST(test_child_that_is_killed_while_it_reads)
{
    int fd = divert_ready(), rounds = 0;
    double end = stress_end();
    uint32_t number = 0;

    shared = shared_memory(sizeof(*shared));
    wires_keep_little();
    collect_start(NUMBERS);
    set_patience(fd, PATIENT_S);
    while ((stress_clock() < end || rounds <= 10) && number + 100 < NUMBERS) {
        pid_t pid = make_child(_i);

        if (pid == 0) {
            pass_until_last(fd, 1);
            _exit(0);
        }
        for (int i = 0; i < 30; i++)
            send_small(number++);
        sleep_some_us(2000);
        for (int i = 0; i < 10; i++)
            send_small(number++);
        kill(pid, SIGKILL);
        wait_for_end(pid, rounds % 2);
        send_small(number);
        pass_up_to(fd, number++);
        while (waitpid(-1, NULL, WNOHANG) > 0)
            ;
        rounds++;
    }
    set_patience(fd, PATIENT_S);
    send_small(number);
    pass_up_to(fd, number++);
    ck_assert_int_gt(rounds, 10);
    collect_some();
}
END_TEST

/* The child is killed while it waits for its first packet. */
START_TEST(test_child_that_is_killed_while_it_waits)
{
    int fd = divert_ready();

    shared = shared_memory(sizeof(*shared));
    set_patience(fd, PATIENT_S);
    for (uint32_t i = 0; i < 20; i++) {
        pid_t pid = make_child(_i);

        if (pid == 0) {
            set_patience(fd, 0);
            pass_until_last(fd, 1);
            _exit(0);
        }
        wait_until_asleep(pid);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        set_patience(fd, PATIENT_S);
        send_small(i);
        pass_up_to(fd, i);
    }
}
END_TEST

/* A child closes its copy and ends; the parent loses nothing. */
START_TEST(test_child_that_closes_its_copy)
{
    int fd = divert_ready();

    set_patience(fd, PATIENT_S);
    for (uint32_t i = 0; i < 50; i++) {
        pid_t pid = make_child(_i);

        if (pid == 0) {
            int copy = dup(fd);

            if (close(fd) < 0 || recv(copy, &(char){0}, 1, MSG_DONTWAIT) != -1 || errno != EAGAIN)
                _exit(1);
            _exit(close(copy) < 0 ? 2 : 0);
        }
        expect_status(pid, 0);
        send_small(i);
        pass_up_to(fd, i);
    }
}
END_TEST

static _Atomic bool stop;

static int spawn_true(void)
{
    char *argv[] = {"true", NULL};
    int status = -1;
    pid_t pid;

    if (posix_spawn(&pid, "/bin/true", NULL, NULL, argv, environ) != 0)
        return 1;
    return waitpid(pid, &status, 0) == pid && status == 0 ? 0 : 2;
}

static void *spawn_all_the_time(void *arg)
{
    while (!stop)
        *(_Atomic int *)arg += spawn_true();
    return NULL;
}

/*
 * musl's posix_spawn() holds a lock that fork() and _Fork() take, too. A child of a raw clone()
 * finds it locked for ever if it was made meanwhile, with or without the library.
 */
#ifdef __GLIBC__
#define WAYS_TO_SPAWN WAYS_TO_FORK
#else
#define WAYS_TO_SPAWN BY_CLONE
#endif

START_TEST(test_child_spawns_while_a_thread_of_its_parent_does)
{
    int rounds = 0;
    double end = stress_end();
    _Atomic int failures = 0;
    pthread_t thread;

    divert_ready();
    ck_assert_int_eq(pthread_create(&thread, NULL, spawn_all_the_time, &failures), 0);
    for (; stress_clock() < end || rounds < 20; rounds++) {
        pid_t pid = make_child(_i);

        if (pid == 0)
            _exit(spawn_true());
        expect_status(pid, 0);
    }
    stop = true;
    pthread_join(thread, NULL);
    ck_assert_int_eq(failures, 0);
}
END_TEST

struct injecting {
    int fd;
    _Atomic int failures;
    _Atomic uint32_t count;
    const char *source, *destination, *interface;
};

static void *inject_all_the_time(void *arg)
{
    struct injecting *in = arg;
    uint8_t packet[64];
    struct sockaddr_in to = address_make(in->interface, 0);
    size_t len = make_udp(packet, in->source, 1111, in->destination, 2222, 1, "abc", 3);

    while (!stop) {
        if (sendto(in->fd, packet, len, 0, (struct sockaddr *)&to, sizeof(to)) != (ssize_t)len)
            in->failures++;
        in->count++;
    }
    return NULL;
}

static void fork_while_injecting(struct injecting in, int way)
{
    double end = stress_end();
    int rounds = 0;
    pthread_t thread;

    stop = false;
    wires_keep_little();
    in.fd = divert_bound(PORT);
    ck_assert_int_eq(pthread_create(&thread, NULL, inject_all_the_time, &in), 0);
    for (; stress_clock() < end || rounds < 20; rounds++) {
        pid_t pid = make_child(way);

        if (pid == 0)
            _exit(0);
        expect_status(pid, 0);
    }
    stop = true;
    pthread_join(thread, NULL);
    ck_assert_int_eq(in.failures, 0);
    ck_assert_uint_gt(in.count, 0);
}

START_TEST(test_fork_while_a_thread_injects_on_lo)
{
    fork_while_injecting((struct injecting){.source = "127.0.0.1",
                                            .destination = "127.0.0.1",
                                            .interface = "127.0.0.1"},
                         _i);
}
END_TEST

/* A packet on lo for an address of another interface. */
START_TEST(test_fork_while_a_thread_injects_an_own_address_on_lo)
{
    fork_while_injecting((struct injecting){.source = OUT_ADDRESS,
                                            .destination = IN_ADDRESS,
                                            .interface = "127.0.0.1"},
                         _i);
}
END_TEST

START_TEST(test_fork_while_a_thread_injects_incoming)
{
    fork_while_injecting(
        (struct injecting){.source = IN_PEER, .destination = IN_ADDRESS, .interface = IN_ADDRESS},
        _i);
}
END_TEST

START_TEST(test_fork_while_a_thread_injects_outgoing)
{
    fork_while_injecting(
        (struct injecting){.source = OUT_ADDRESS, .destination = OUT_PEER, .interface = ANY}, _i);
}
END_TEST

/* The child injects, whatever its parent's threads were in the middle of. */
START_TEST(test_child_injects_while_a_thread_of_its_parent_does)
{
    double end = stress_end();
    struct injecting in = {.source = IN_PEER, .destination = IN_ADDRESS, .interface = IN_ADDRESS};
    pthread_t thread;

    stop = false;
    wires_keep_little();
    in.fd = divert_bound(PORT);
    ck_assert_int_eq(pthread_create(&thread, NULL, inject_all_the_time, &in), 0);
    for (int rounds = 0; stress_clock() < end || rounds < 5; rounds++) {
        pid_t pid = make_child(_i);

        if (pid == 0) {
            uint8_t packet[64];
            struct sockaddr_in to = address_make(IN_ADDRESS, 0);
            size_t len = make_udp(packet, IN_PEER, 1111, IN_ADDRESS, 2222, 1, "abc", 3);
            ssize_t n = sendto(in.fd, packet, len, 0, (struct sockaddr *)&to, sizeof(to));

            _exit(n == (ssize_t)len ? 0 : errno);
        }
        expect_status(pid, 0);
    }
    stop = true;
    pthread_join(thread, NULL);
    ck_assert_int_eq(in.failures, 0);
}
END_TEST

/* ---- threads ---- */

static const char *const settings[] = {
    NULL, "DIVERTSHIM_PUMP=thread", "DIVERTSHIM_BATCH=1", "DIVERTSHIM_BATCH=0", "DIVERTSHIM_TAGS=1",
};
#define SETTINGS ((int)(sizeof(settings) / sizeof(settings[0])))

/*
 * The number of threads of this process after it has read packets, written one and kept one for a
 * while.
 */
static int threads_of_a_user(int fd)
{
    struct timeval time = {.tv_sec = PATIENT_S};
    uint8_t packet[2000];
    struct sockaddr_in from;
    socklen_t size = sizeof(from);
    int threads;

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time));
    if (recvfrom(fd, packet, sizeof(packet), 0, (struct sockaddr *)&from, &size) != SMALL_PACKET)
        return 90;
    if (sendto(fd, packet, SMALL_PACKET, 0, (struct sockaddr *)&from, size) != SMALL_PACKET)
        return 91;
    if (recvfrom(fd, packet, sizeof(packet), 0, (struct sockaddr *)&from, &size) != SMALL_PACKET)
        return 92;
    poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 20);
    threads = count_threads();
    usleep(20000);
    return count_threads() > threads ? count_threads() : threads;
}

static void execute_self(const char *what, int fd, const char *setting)
{
    char number[16];

    if (setting)
        putenv((char *)setting);
    snprintf(number, sizeof(number), "%d", fd);
    execl("/proc/self/exe", "test", what, number, (char *)NULL);
    _exit(93);
}

START_TEST(test_library_has_no_threads_in_a_child)
{
    int fd = divert_ready();

    for (int way = 0; way < WAYS_TO_FORK; way++) {
        pid_t pid;

        send_small(0);
        send_small(1);
        pid = make_child(way);
        if (pid == 0)
            _exit(threads_of_a_user(fd));
        expect_status(pid, 1 << 8);
    }
    send_small(0);
    send_small(1);
    ck_assert_int_eq(threads_of_a_user(fd), 1);
}
END_TEST

START_TEST(test_library_has_no_threads_after_exec)
{
    int fd = divert_ready();

    for (int way = 0; way < WAYS_TO_FORK; way++) {
        pid_t pid;

        send_small(0);
        send_small(1);
        pid = make_child(way);
        if (pid == 0)
            execute_self("inherited", fd, settings[_i]);
        expect_status(pid, 1 << 8);
    }
}
END_TEST

/* A program that opens its own socket, with the setting from its start, and forks. */
static int start_and_count(void)
{
    struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    int fd = socket(AF_INET, SOCK_RAW, IPPROTO_DIVERT), status = -1;
    pid_t pid;

    if (fd < 0 || bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0)
        return 94;
    kill(getppid(), SIGUSR1);
    if (threads_of_a_user(fd) != 1)
        return count_threads();
    pid = fork();
    if (pid == 0)
        _exit(threads_of_a_user(fd));
    waitpid(pid, &status, 0);
    return status == 1 << 8 ? count_threads() : 95;
}

START_TEST(test_library_has_no_threads_with_any_setting)
{
    sigset_t set;
    pid_t pid;
    int sig;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    divert_incoming(PORT);
    pid = fork();
    if (pid == 0)
        execute_self("start", 0, settings[_i]);
    ck_assert_int_eq(sigwait(&set, &sig), 0);
    for (uint32_t i = 0; i < 4; i++)
        send_small(i);
    expect_status(pid, 1 << 8);
}
END_TEST

int main(int argc, char *argv[])
{
    const TTest *const each_way[] = {
        test_child_and_parent_read_the_same_socket,
        test_child_that_is_killed_while_it_reads,
        test_child_that_is_killed_while_it_waits,
        test_child_that_closes_its_copy,
        test_fork_while_a_thread_injects_on_lo,
        test_fork_while_a_thread_injects_an_own_address_on_lo,
        test_fork_while_a_thread_injects_incoming,
        test_fork_while_a_thread_injects_outgoing,
        test_child_injects_while_a_thread_of_its_parent_does,
    };
    const TTest *const spawning[] = {test_child_spawns_while_a_thread_of_its_parent_does};
    const TTest *const tests[] = {test_library_has_no_threads_in_a_child};
    const TTest *const each_setting[] = {
        test_library_has_no_threads_after_exec,
        test_library_has_no_threads_with_any_setting,
    };
    int failed;

    if (argc == 3)
        return strcmp(argv[1], "start") == 0 ? start_and_count() : threads_of_a_user(atoi(argv[2]));
    stress_allow_time();
    failed = run_suite_with("raw children", each_way, sizeof(each_way) / sizeof(each_way[0]),
                            WAYS_TO_FORK);
    failed |= run_suite_with("spawning children", spawning, 1, WAYS_TO_SPAWN);
    failed |= run_suite("threads in children", tests, 1);
    failed |= run_suite_with("settings", each_setting, 2, SETTINGS);
    return failed;
}
