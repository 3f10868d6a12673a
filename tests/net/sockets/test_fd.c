/* SPDX-License-Identifier: BSD-2-Clause */
/* Descriptors of divert sockets: how programs number, copy and close them. */
#include "make_packet.h"
#include "musl.h"
#include "wire.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static uint8_t packet[2000], got[2000];
static size_t len;

static void send_one(const char *payload)
{
    len = make_udp(packet, IN_PEER, 1111, OUT_PEER, 2222, 77, payload, strlen(payload));
    wire_send(&in0, packet, len);
}

static void expect_errno(int result, int expected)
{
    ck_assert_msg(result == -1 && errno == expected, "expected %s, got %d, %s", strerror(expected),
                  result, strerror(errno));
}

/* Checks that a packet can be read from the descriptor. */
static void expect_reads(int fd)
{
    send_one("x");
    ck_assert_uint_eq(divert_read(fd, got, sizeof(got), NULL), len);
    ck_assert_mem_eq(got, packet, len);
}

/* Calls VISIT for each open descriptor, including the library's private ones, by /proc. */
static int each_open(void (*visit)(int fd))
{
    DIR *directory = opendir("/proc/self/fd");
    struct dirent *entry;
    int count = 0;

    while ((entry = readdir(directory))) {
        int fd = atoi(entry->d_name);

        if (entry->d_name[0] == '.' || fd == dirfd(directory))
            continue;
        if (visit)
            visit(fd);
        count++;
    }
    closedir(directory);
    return count;
}

static int count_open(void)
{
    return each_open(NULL);
}

START_TEST(test_closed_number_is_used_again)
{
    int fd;

    close(0);
    fd = divert_bound(PORT);
    ck_assert_int_eq(fd, 0);
    divert_incoming(PORT);
    expect_reads(fd);
    ck_assert_int_eq(close(fd), 0);
    expect_errno(close(fd), EBADF);
    ck_assert_int_eq(open("/dev/null", O_RDONLY), 0);
    ck_assert_int_eq(read(0, got, 1), 0);
}
END_TEST

START_TEST(test_number_that_was_a_divert_socket_is_an_ordinary_file)
{
    int fd = divert_bound(PORT), pipes[2];
    struct stat st;

    close(fd);
    ck_assert_int_eq(pipe(pipes), 0);
    ck_assert_int_eq(pipes[0], fd);
    ck_assert_int_eq(fstat(fd, &st), 0);
    ck_assert(S_ISFIFO(st.st_mode));
    ck_assert_int_eq(write(pipes[1], "x", 1), 1);
    ck_assert_int_eq(read(fd, got, sizeof(got)), 1);
}
END_TEST

START_TEST(test_standard_error_may_be_a_divert_socket)
{
    struct pollfd p = {.fd = 2, .events = POLLIN};

    close(2);
    ck_assert_int_eq(divert_bound(PORT), 2);
    setenv("DIVERTSHIM_LOG", "debug", 1);
    expect_errno((int)write(2, "short", 5), EINVAL);
    ck_assert_int_eq(poll(&p, 1, 0), 0);
    expect_errno((int)recv(2, got, sizeof(got), MSG_DONTWAIT), EAGAIN);
}
END_TEST

static int copy_dup(int fd)
{
    return dup(fd);
}

static int copy_dup2(int fd)
{
    return dup2(fd, 77);
}

static int copy_dup3(int fd)
{
    return dup3(fd, 77, O_CLOEXEC);
}

static int copy_fcntl(int fd)
{
    return fcntl(fd, F_DUPFD, 50);
}

static int copy_fcntl_cloexec(int fd)
{
    return fcntl(fd, F_DUPFD_CLOEXEC, 50);
}

static int copy_over_another(int fd)
{
    return dup2(fd, divert_bound(PORT + 1));
}

static int copy_over_a_file(int fd)
{
    return dup2(fd, open("/dev/null", O_RDONLY));
}

static const struct {
    int (*copy)(int fd);
    int flags;
} copies[] = {
    {copy_dup, 0},
    {copy_dup2, 0},
    {copy_dup3, FD_CLOEXEC},
    {copy_fcntl, 0},
    {copy_fcntl_cloexec, FD_CLOEXEC},
    {copy_over_another, 0},
    {copy_over_a_file, 0},
};

START_TEST(test_copy_is_the_same_socket)
{
    for (size_t i = 0; i < sizeof(copies) / sizeof(copies[0]); i++) {
        int fd = divert_bound(PORT), copy = copies[i].copy(fd);

        if (i == 0)
            divert_incoming(PORT);
        ck_assert_int_ge(copy, 0);
        ck_assert_int_ne(copy, fd);
        ck_assert_int_eq(fcntl(copy, F_GETFD), copies[i].flags);
        expect_reads(copy);
        divert_write(fd, got, len, NULL);
        wire_expect(&out0, packet, len);
        ck_assert_int_eq(close(fd), 0);
        expect_reads(copy);
        ck_assert_int_eq(close(copy), 0);
    }
}
END_TEST

START_TEST(test_replaced_socket_is_closed)
{
    int fd = divert_bound(PORT), other = open("/dev/null", O_RDONLY);

    ck_assert_int_eq(dup2(other, fd), fd);
    ck_assert_int_eq(read(fd, got, 1), 0);
    divert_bound(PORT);
    fd = divert_bound(PORT + 1);
    ck_assert_int_eq(dup3(other, fd, 0), fd);
    divert_bound(PORT + 1);
}
END_TEST

START_TEST(test_copy_to_itself_and_errors)
{
    int fd = divert_bound(PORT);

    ck_assert_int_eq(dup2(fd, fd), fd);
    expect_errno(dup3(fd, fd, 0), EINVAL);
    expect_errno(dup2(fd, -1), EBADF);
    expect_errno(dup2(999, fd), EBADF);
    expect_errno(fcntl(fd, F_DUPFD, -1), EINVAL);
    divert_incoming(PORT);
    expect_reads(fd);
}
END_TEST

START_TEST(test_last_close_frees_the_port)
{
    int fd = divert_bound(PORT), copy = dup(fd), other = divert_socket();
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(PORT)};

    close(fd);
    expect_errno(bind(other, (struct sockaddr *)&sin, sizeof(sin)), EADDRINUSE);
    close(copy);
    ck_assert_int_eq(bind(other, (struct sockaddr *)&sin, sizeof(sin)), 0);
}
END_TEST

START_TEST(test_nothing_leaks_over_many_opens)
{
    int before, copy;

    close(divert_bound(PORT));
    before = count_open();
    for (int i = 0; i < 10000; i++) {
        int fd = divert_bound(PORT);

        copy = dup(fd);
        close(fd);
        close(copy);
    }
    ck_assert_int_eq(count_open(), before);
}
END_TEST

static bool is_ours(int fd, int divert)
{
    return fd > divert && fcntl(fd, F_GETFD) < 0 && errno == EBADF;
}

static int divert, private_seen;

static void examine_private(int fd)
{
    int one = 1;
    struct stat st;

    if (!is_ours(fd, divert))
        return;
    private_seen++;
    ck_assert_int_ge(fd, 512);
    ck_assert_msg(syscall(SYS_fcntl, fd, F_GETFD) == FD_CLOEXEC, "expected %d to be close-on-exec",
                  fd);
    expect_errno(close(fd), EBADF);
    expect_errno(dup(fd), EBADF);
    expect_errno(dup2(fd, 200), EBADF);
    expect_errno(dup3(fd, 200, 0), EBADF);
    expect_errno(fcntl(fd, F_DUPFD, 0), EBADF);
    expect_errno(fcntl(fd, F_SETFD, 0), EBADF);
    expect_errno(ioctl(fd, FIONBIO, &one), EBADF);
    expect_errno(fstat(fd, &st), EBADF);
}

START_TEST(test_private_descriptors_are_high_and_out_of_reach)
{
    divert = divert_bound(PORT);
    each_open(examine_private);
    ck_assert_int_ge(private_seen, 2);
    divert_incoming(PORT);
    expect_reads(divert);
    ck_assert_int_eq(divert, dup(divert) - 1);
}
END_TEST

START_TEST(test_private_descriptors_with_a_low_limit)
{
    struct rlimit limit = {64, 64};
    int fd;

    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    fd = divert_bound(PORT);
    divert_incoming(PORT);
    expect_reads(fd);
    ck_assert_int_lt(dup(fd), 32);
}
END_TEST

/*
 * They need more descriptors than the usual soft limit, 1024: the library has private ones. Each
 * socket takes 19 MB of address space, of which a 32-bit program has 3 GB.
 */
enum { MANY = sizeof(void *) < 8 ? 100 : 300 };

START_TEST(test_many_sockets_at_once)
{
    int fd[MANY], before;
    struct rlimit limit;

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    fd[0] = divert_bound(1000);
    run("iptables -t raw -A PREROUTING -i in0 -j NFQUEUE --queue-num 1000");
    expect_reads(fd[0]);
    run("iptables -t raw -F && iptables -t raw -A PREROUTING -i in0 -j NFQUEUE --queue-num %d",
        2000 + MANY - 1);
    before = count_open();
    for (int i = 0; i < MANY; i++)
        fd[i] = divert_bound(2000 + i);
    expect_reads(fd[MANY - 1]);
    ck_assert_int_lt(fd[MANY - 1], 350);
    for (int i = 0; i < MANY; i++)
        ck_assert_int_eq(close(fd[i]), 0);
    ck_assert_int_eq(count_open(), before);
}
END_TEST

START_TEST(test_no_descriptor_left_is_emfile)
{
    struct rlimit limit = {64, 64};
    int before;

    close(divert_socket());
    before = count_open();
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    while (dup(1) >= 0)
        ;
    expect_errno(socket(AF_INET, SOCK_RAW, IPPROTO_DIVERT), EMFILE);
    close(63);
    expect_errno(socket(AF_INET, SOCK_RAW, IPPROTO_DIVERT), EMFILE);
    close_range(before, ~0u, 0);
    divert_bound(PORT);
}
END_TEST

static void close_each(int keep)
{
    for (int fd = 3; fd < 10000; fd++) {
        if (fd != keep)
            close(fd);
    }
}

static void close_listed(int keep)
{
    for (int fd = sysconf(_SC_OPEN_MAX) - 1; fd > 2; fd--) {
        if (fd != keep)
            close(fd);
    }
}

static void close_ranges(int keep)
{
    close_range(3, (unsigned)keep - 1, 0);
    close_range((unsigned)keep + 1, ~0u, 0);
}

static void close_ranges_unshared(int keep)
{
    close_range(3, (unsigned)keep - 1, CLOSE_RANGE_UNSHARE);
    close_range((unsigned)keep + 1, ~0u, CLOSE_RANGE_UNSHARE);
}

static void close_from(int keep)
{
    closefrom(keep + 1);
}

static void (*const closers[])(int keep) = {
    close_each, close_listed, close_ranges, close_ranges_unshared, close_from,
};

/*
 * Returns the number of what failed, or 0: it also closes the descriptor by which a failed
 * assertion would be reported.
 */
static int close_and_go_on(int fd, void (*close_all)(int keep), bool really_all)
{
    int wire = in0.fd;

    if (dup2(fd, 100) != 100)
        return 1;
    close_all(100);
    if (read(100, got, sizeof(got)) != (ssize_t)len)
        return 2;
    if (write(100, got, len) != (ssize_t)len)
        return 3;
    return really_all && (fcntl(wire, F_GETFD) != -1 || errno != EBADF) ? 4 : 0;
}

/* As a daemon does that closes all descriptors but those it knows. */
START_TEST(test_socket_survives_a_program_that_closes_everything)
{
    int fd = divert_bound(PORT), status;
    pid_t child;

    divert_incoming(PORT);
    send_one("x");
    child = fork();
    if (child == 0)
        _exit(close_and_go_on(fd, closers[_i], closers[_i] != close_from));
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(status, 0);
}
END_TEST

START_TEST(test_close_range_closes_divert_sockets)
{
    int first = divert_bound(PORT);

    divert_bound(PORT + 1);
    ck_assert_int_eq(close_range((unsigned)first, ~0u, 0), 0);
    expect_errno((int)read(first, got, sizeof(got)), EBADF);
    divert_bound(PORT);
    divert_bound(PORT + 1);
    closefrom(first);
    divert_bound(PORT);
    divert_bound(PORT + 1);
}
END_TEST

START_TEST(test_close_range_cloexec_only_marks)
{
    int fd = divert_bound(PORT);

    divert_incoming(PORT);
    ck_assert_int_eq(close_range((unsigned)fd, ~0u, CLOSE_RANGE_CLOEXEC), 0);
    ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
    ck_assert_int_eq(fcntl(fd, F_SETFD, 0), 0);
    ck_assert_int_eq(fcntl(fd, F_GETFD), 0);
    expect_errno(close_range(5, 4, 0), EINVAL);
}
END_TEST

/* For valgrind, without the test framework: all that a program does with a socket, twice. */
static int use_and_close(void)
{
    struct sockaddr_in sin = {.sin_family = AF_INET};

    if (unshare(CLONE_NEWNET) < 0)
        return 77;
    for (int i = 0; i < 50; i++) {
        int fd = socket(AF_INET, SOCK_RAW, IPPROTO_DIVERT), copy = dup(fd);
        struct pollfd p = {.fd = copy, .events = POLLIN};

        sin.sin_port = htons(PORT);
        if (bind(fd, (struct sockaddr *)&sin, sizeof(sin)) < 0 || poll(&p, 1, 0) != 0 ||
            recv(fd, got, sizeof(got), MSG_DONTWAIT) >= 0 || close(fd) < 0)
            return 1;
        len = make_udp(packet, "127.0.0.1", 1, "127.0.0.1", 2, 3, "x", 1);
        send(copy, packet, len, 0);
        if (close(copy) < 0)
            return 1;
    }
    return 0;
}

int main(int argc, char *argv[])
{
    const TTest *const tests[] = {
        test_closed_number_is_used_again,
        test_number_that_was_a_divert_socket_is_an_ordinary_file,
        test_standard_error_may_be_a_divert_socket,
        test_copy_is_the_same_socket,
        test_replaced_socket_is_closed,
        test_copy_to_itself_and_errors,
        test_last_close_frees_the_port,
        test_nothing_leaks_over_many_opens,
        test_private_descriptors_are_high_and_out_of_reach,
        test_private_descriptors_with_a_low_limit,
        test_many_sockets_at_once,
        test_no_descriptor_left_is_emfile,
        test_close_range_closes_divert_sockets,
        test_close_range_cloexec_only_marks,
    };
    const TTest *const closing[] = {test_socket_survives_a_program_that_closes_everything};
    int failed;

    if (argc == 2 && strcmp(argv[1], "leaks") == 0)
        return use_and_close();
    failed = run_suite("fd", tests, sizeof(tests) / sizeof(tests[0]));
    return failed ? failed : run_suite_with("closers", closing, 1, 5);
}
