/* SPDX-License-Identifier: BSD-2-Clause */
/* A program binds as root and then becomes another user. Its divert sockets go on working. */
#include "make_packet.h"
#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#ifdef HAVE_LIBCAP_NG
#include <cap-ng.h>
#endif

#define NOBODY 65534
#define NEEDED (1u << CAP_NET_ADMIN | 1u << CAP_NET_RAW)

extern int capset(cap_user_header_t header, const cap_user_data_t data);

static uint8_t packet[2000], got[2000];
static size_t len;
static struct sockaddr_in from;

static void drop_setuid(void)
{
    ck_assert_int_eq(setuid(NOBODY), 0);
    ck_assert_int_eq(setuid(0), -1);
}

static void drop_setreuid(void)
{
    ck_assert_int_eq(setreuid(NOBODY, NOBODY), 0);
}

static void drop_setresuid(void)
{
    ck_assert_int_eq(setresuid(NOBODY, NOBODY, NOBODY), 0);
}

static void drop_groups_first(void)
{
    ck_assert_int_eq(initgroups("nobody", NOBODY), 0);
    ck_assert_int_eq(setgroups(0, NULL), 0);
    ck_assert_int_eq(setgid(NOBODY), 0);
    ck_assert_int_eq(setuid(NOBODY), 0);
}

static void drop_in_chroot(void)
{
    char directory[] = "/tmp/chroot-XXXXXX";

    /* A directory that is removed from /tmp as soon as we have entered it. */
    ck_assert_ptr_nonnull(mkdtemp(directory));
    ck_assert_int_eq(chdir(directory), 0);
    ck_assert_int_eq(rmdir(directory), 0);
    ck_assert_int_eq(chroot("."), 0);
    ck_assert_int_eq(setgid(NOBODY), 0);
    ck_assert_int_eq(setuid(NOBODY), 0);
}

static void drop_in_two_steps(void)
{
    ck_assert_int_eq(seteuid(NOBODY), 0);
    ck_assert_int_eq(seteuid(0), 0);
    ck_assert_int_eq(setuid(NOBODY), 0);
}

static void drop_by_capset(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {0};

    ck_assert_int_eq(capset(&header, none), 0);
}

static void drop_by_keepcaps(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct some[2] = {{.permitted = 1u << CAP_NET_RAW}};

    ck_assert_int_eq(prctl(PR_SET_KEEPCAPS, 1), 0);
    ck_assert_int_eq(setuid(NOBODY), 0);
    ck_assert_int_eq(capset(&header, some), 0);
}

#ifdef HAVE_LIBCAP_NG
static void drop_by_libcap_ng(void)
{
    capng_clear(CAPNG_SELECT_BOTH);
    capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_NET_RAW);
    ck_assert_int_eq(capng_change_id(NOBODY, NOBODY, CAPNG_DROP_SUPP_GRP | CAPNG_CLEAR_BOUNDING),
                     0);
}
#endif

static void (*const drops[])(void) = {
    drop_setuid,       drop_setreuid,     drop_setresuid, drop_groups_first,
    drop_in_chroot,    drop_in_two_steps, drop_by_capset, drop_by_keepcaps,
#ifdef HAVE_LIBCAP_NG
    drop_by_libcap_ng,
#endif
};

#define DROPS ((int)(sizeof(drops) / sizeof(drops[0])))

/*
 * A line of this thread's status, such as CapEff, as a number. Takes a directory, since chroot
 * hides /proc.
 */
static uint64_t status_of(int directory, const char *name)
{
    char text[8192] = {0}, *line;
    int fd = openat(directory, "status", O_RDONLY);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_gt(read(fd, text, sizeof(text) - 1), 0);
    close(fd);
    line = strstr(text, name);
    ck_assert_ptr_nonnull(line);
    return strtoull(line + strlen(name) + 1, NULL, 16);
}

static int status_directory(void)
{
    char path[64];
    int fd;

    snprintf(path, sizeof(path), "/proc/self/task/%d", gettid());
    fd = open(path, O_RDONLY | O_DIRECTORY);
    ck_assert_int_ge(fd, 0);
    return fd;
}

static void send_one(void)
{
    len = make_udp(packet, IN_PEER, 1111, OUT_PEER, 2222, 77, "x", 1);
    wire_send(&in0, packet, len);
}

/* Expects a packet to pass, in and out, by a verdict. */
static void expect_passes(int fd)
{
    send_one();
    divert_read(fd, got, sizeof(got), &from);
    divert_write(fd, got, len, &from);
    wire_expect(&out0, packet, len);
    ck_assert_uint_eq(queue_waiting(PORT), 0);
}

/*
 * Expects injected packets to arrive, outgoing and incoming, with and without a copy being queued.
 */
static void expect_injects(int fd)
{
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = inet_addr(IN_ADDRESS)};
    size_t n = make_udp(packet, OUT_ADDRESS, 5, OUT_PEER, 6, 7, "out", 3);

    divert_write(fd, packet, n, NULL);
    wire_expect(&out0, packet, n);
    n = make_udp(packet, IN_PEER, 5, OUT_PEER, 6, 8, "in", 2);
    divert_write(fd, packet, n, &in);
    wire_expect(&out0, packet, n);
}

START_TEST(test_goes_on_working)
{
    int fd = divert_ready();

    drops[_i]();
    send_one();
    divert_read(fd, got, sizeof(got), &from);
    divert_write(fd, got, len, &from);
    wire_expect(&out0, packet, len);
    expect_injects(fd);
    send_one();
    divert_read(fd, got, sizeof(got), &from);
    divert_write(fd, got, len, &from);
    wire_expect(&out0, packet, len);
}
END_TEST

START_TEST(test_keeps_no_more_than_it_needs)
{
    int directory = status_directory(), fd = divert_ready();

    drops[_i]();
    ck_assert_uint_eq(status_of(directory, "CapPrm:"), NEEDED);
    ck_assert_uint_eq(status_of(directory, "CapEff:"), NEEDED);
    ck_assert_uint_eq(status_of(directory, "CapInh:"), 0);
    ck_assert_uint_eq(status_of(directory, "CapAmb:"), 0);
    close(fd);
    ck_assert_uint_eq(status_of(directory, "CapPrm:") & (1u << CAP_NET_ADMIN), 0);
    ck_assert_uint_eq(status_of(directory, "CapEff:") & (1u << CAP_NET_ADMIN), 0);
}
END_TEST

START_TEST(test_without_divert_socket_nothing_is_kept)
{
    int directory = status_directory();

    close(divert_ready());
    drops[_i]();
    ck_assert_uint_eq(status_of(directory, "CapEff:") & (1u << CAP_NET_ADMIN), 0);
    ck_assert_uint_eq(status_of(directory, "CapPrm:") & (1u << CAP_NET_ADMIN), 0);
}
END_TEST

START_TEST(test_seteuid_and_back)
{
    int directory = status_directory(), fd = divert_ready();
    uint64_t all = status_of(directory, "CapPrm:");

    ck_assert_int_eq(seteuid(NOBODY), 0);
    ck_assert_uint_eq(status_of(directory, "CapEff:"), NEEDED);
    ck_assert_uint_eq(status_of(directory, "CapPrm:"), all);
    expect_passes(fd);
    expect_injects(fd);
    ck_assert_int_eq(seteuid(0), 0);
    ck_assert_uint_eq(status_of(directory, "CapEff:"), all);
}
END_TEST

START_TEST(test_nothing_survives_exec)
{
    int fd = divert_ready();

    ck_assert_int_eq(setuid(NOBODY), 0);
    expect_passes(fd);
    run("grep -q '^CapPrm:.0000000000000000' /proc/self/status");
    run("grep -q '^CapEff:.0000000000000000' /proc/self/status");
}
END_TEST

/* A program that was given capabilities without ever being root keeps what it has. */
START_TEST(test_capabilities_of_others_are_left_alone)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct own[2] = {
        {.permitted = NEEDED | 1u << CAP_SETUID, .effective = NEEDED | 1u << CAP_SETUID}};
    int directory = status_directory();

    prctl(PR_SET_KEEPCAPS, 1);
    ck_assert_int_eq(setuid(NOBODY), 0);
    prctl(PR_SET_KEEPCAPS, 0);
    ck_assert_int_eq(capset(&header, own), 0);
    divert_socket();
    ck_assert_int_eq(setresuid(NOBODY - 1, NOBODY - 1, NOBODY - 1), 0);
    ck_assert_uint_eq(status_of(directory, "CapPrm:"), own[0].permitted);
    ck_assert_uint_eq(status_of(directory, "CapEff:"), own[0].effective);
}
END_TEST

static int thread_fd, thread_result, thread_directory;

static void *pass_two(void *arg)
{
    (void)arg;
    thread_directory = status_directory();
    for (int i = 0; i < 2; i++) {
        socklen_t size = sizeof(from);
        uint8_t bytes[2000];
        ssize_t n = recvfrom(thread_fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &size);

        if (n < 0 || sendto(thread_fd, bytes, (size_t)n, 0, (struct sockaddr *)&from, size) != n)
            thread_result = errno;
    }
    pause();
    return NULL;
}

START_TEST(test_other_threads_go_on)
{
    pthread_t thread;

    thread_fd = divert_ready();
    pthread_create(&thread, NULL, pass_two, NULL);
    send_one();
    wire_expect(&out0, packet, len);
    usleep(50000);
    ck_assert_int_eq(setuid(NOBODY), 0);
    send_one();
    wire_expect(&out0, packet, len);
    ck_assert_int_eq(thread_result, 0);
    ck_assert_uint_eq(status_of(thread_directory, "CapPrm:"), NEEDED);
    ck_assert_uint_eq(status_of(thread_directory, "CapEff:"), NEEDED);
}
END_TEST

START_TEST(test_new_threads_go_on)
{
    pthread_t thread;

    thread_fd = divert_ready();
    ck_assert_int_eq(setuid(NOBODY), 0);
    pthread_create(&thread, NULL, pass_two, NULL);
    for (int i = 0; i < 2; i++) {
        send_one();
        wire_expect(&out0, packet, len);
    }
    ck_assert_int_eq(thread_result, 0);
}
END_TEST

START_TEST(test_turned_off_it_is_reported_once)
{
    char said[2000] = {0};
    int ends[2], fd, directory = status_directory();

    setenv("DIVERTSHIM_KEEP_CAPS", "0", 1);
    ck_assert_int_eq(pipe2(ends, O_NONBLOCK), 0);
    fd = divert_ready();
    ck_assert_int_eq(setuid(NOBODY), 0);
    ck_assert_uint_eq(status_of(directory, "CapPrm:"), 0);
    dup2(ends[1], 2);
    for (int i = 0; i < 3; i++) {
        send_one();
        divert_read(fd, got, sizeof(got), &from);
        send(fd, got, len, 0);
        sendto(fd, got, len, 0, (struct sockaddr *)&from, sizeof(from));
    }
    ck_assert_msg(read(ends[0], said, sizeof(said) - 1) > 0, "expected a warning, none came");
    ck_assert_ptr_nonnull(strstr(said, "CAP_NET_ADMIN"));
    ck_assert_ptr_eq(strchr(said, '\n'), strrchr(said, '\n'));
    wire_expect_silence(&out0);
}
END_TEST

START_TEST(test_no_divert_socket_without_root)
{
    ck_assert_int_eq(setuid(NOBODY), 0);
    ck_assert_int_eq(socket(AF_INET, SOCK_RAW, IPPROTO_DIVERT), -1);
    ck_assert_int_eq(errno, EPERM);
}
END_TEST

int main(void)
{
    const TTest *const each_drop[] = {
        test_goes_on_working,
        test_keeps_no_more_than_it_needs,
        test_without_divert_socket_nothing_is_kept,
    };
    const TTest *const tests[] = {
        test_seteuid_and_back,
        test_nothing_survives_exec,
        test_capabilities_of_others_are_left_alone,
        test_other_threads_go_on,
        test_new_threads_go_on,
        test_turned_off_it_is_reported_once,
        test_no_divert_socket_without_root,
    };
    int failed;

#ifndef HAVE_LIBCAP_NG
    printf("not with libcap-ng: it was not there when this was built\n");
#endif
    failed = run_suite_with("drops", each_drop, sizeof(each_drop) / sizeof(each_drop[0]), DROPS);
    return failed ? failed : run_suite("privilege", tests, sizeof(tests) / sizeof(tests[0]));
}
