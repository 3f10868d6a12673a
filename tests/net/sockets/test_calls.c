/* SPDX-License-Identifier: BSD-2-Clause */
/* Calls on a divert socket that neither read, write nor wait have the results of BSD's kernel. */
#include "make_packet.h"
#include "musl.h"
#include "wire.h"

#include <arpa/inet.h>
#include <asm/sockios.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static uint8_t packet[2000], got[2000];
static size_t len;

static void send_one(const char *payload)
{
    len = make_udp(packet, IN_PEER, 1111, OUT_PEER, 2222, 77, payload, strlen(payload));
    wire_send(&in0, packet, len);
}

static void expect_errno(ssize_t result, int expected)
{
    ck_assert_msg(result == -1 && errno == expected, "expected %s, got %zd, %s", strerror(expected),
                  result, strerror(errno));
}

static int get(int fd, int name)
{
    int value = -1;
    socklen_t size = sizeof(value);

    ck_assert_msg(getsockopt(fd, SOL_SOCKET, name, &value, &size) == 0, "expected option %d: %s",
                  name, strerror(errno));
    ck_assert_uint_eq(size, sizeof(value));
    return value;
}

static void set(int fd, int name, int value)
{
    ck_assert_msg(setsockopt(fd, SOL_SOCKET, name, &value, sizeof(value)) == 0,
                  "expected option %d to be taken: %s", name, strerror(errno));
}

START_TEST(test_calls_of_connections_are_refused)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    socklen_t size = sizeof(sin);
    int fd = divert_socket();

    expect_errno(connect(fd, (struct sockaddr *)&sin, size), EOPNOTSUPP);
    expect_errno(listen(fd, 5), EOPNOTSUPP);
    expect_errno(accept(fd, (struct sockaddr *)&sin, &size), EINVAL);
    expect_errno(accept4(fd, (struct sockaddr *)&sin, &size, 0), EINVAL);
    expect_errno(getpeername(fd, (struct sockaddr *)&sin, &size), ENOTCONN);
}
END_TEST

START_TEST(test_getsockname_before_and_after_bind)
{
    struct sockaddr_in sin = {0};
    socklen_t size = sizeof(sin);
    int fd = divert_socket();

    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&sin, &size), 0);
    ck_assert_int_eq(sin.sin_family, AF_INET);
    ck_assert_int_eq(sin.sin_port, 0);
    fd = divert_bound(PORT);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&sin, &size), 0);
    ck_assert_uint_eq(size, sizeof(sin));
    ck_assert_int_eq(ntohs(sin.sin_port), PORT);
    ck_assert_uint_eq(sin.sin_addr.s_addr, INADDR_ANY);
}
END_TEST

START_TEST(test_shutdown_of_writing)
{
    int fd = divert_bound(PORT);

    divert_incoming(PORT);
    expect_errno(shutdown(fd, 3), EINVAL);
    ck_assert_int_eq(shutdown(fd, SHUT_WR), 0);
    send_one("x");
    ck_assert_uint_eq(divert_read(fd, got, sizeof(got), NULL), len);
    expect_errno(send(fd, got, len, MSG_NOSIGNAL), EPIPE);
    signal(SIGPIPE, SIG_IGN);
    expect_errno(write(fd, got, len), EPIPE);
    wire_expect_silence(&out0);
}
END_TEST

static volatile sig_atomic_t signals;

static void count_signal(int sig)
{
    (void)sig;
    signals++;
}

START_TEST(test_write_after_shutdown_raises_sigpipe)
{
    int fd = divert_bound(PORT);

    len = make_udp(packet, IN_PEER, 1, OUT_PEER, 2, 3, "x", 1);
    signal(SIGPIPE, count_signal);
    ck_assert_int_eq(shutdown(fd, SHUT_RDWR), 0);
    expect_errno(write(fd, packet, len), EPIPE);
    ck_assert_int_eq(signals, 1);
}
END_TEST

START_TEST(test_shutdown_of_reading)
{
    int fd = divert_bound(PORT);
    struct pollfd p = {.fd = fd, .events = POLLIN};

    divert_incoming(PORT);
    send_one("before");
    ck_assert_int_eq(shutdown(fd, SHUT_RD), 0);
    ck_assert_int_eq(read(fd, got, sizeof(got)), 0);
    ck_assert_int_eq(poll(&p, 1, 0), 1);
    send_one("after");
    ck_assert_int_eq(read(fd, got, sizeof(got)), 0);
    ck_assert_uint_eq(queue_waiting(PORT), 0);
    wire_expect_silence(&out0);
}
END_TEST

START_TEST(test_options_tell_what_it_is)
{
    int fd = divert_socket(), six = socket(AF_INET6, SOCK_RAW, 254);

    ck_assert_int_eq(get(fd, SO_TYPE), SOCK_RAW);
    ck_assert_int_eq(get(fd, SO_DOMAIN), AF_INET);
    ck_assert_int_eq(get(fd, SO_PROTOCOL), IPPROTO_DIVERT);
    ck_assert_int_eq(get(six, SO_DOMAIN), AF_INET6);
    ck_assert_int_eq(get(six, SO_PROTOCOL), 254);
    ck_assert_int_eq(get(fd, SO_ERROR), 0);
    ck_assert_int_eq(get(fd, SO_ACCEPTCONN), 0);
}
END_TEST

START_TEST(test_options_that_were_set_are_read_back)
{
    static const int flags[] = {SO_BROADCAST, SO_REUSEADDR, SO_DEBUG, SO_DONTROUTE, SO_KEEPALIVE};
    int fd = divert_socket();

    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        ck_assert_int_eq(get(fd, flags[i]), 0);
        set(fd, flags[i], 1);
        ck_assert_int_eq(get(fd, flags[i]), 1);
    }
    set(fd, SO_BROADCAST, 0);
    ck_assert_int_eq(get(fd, SO_BROADCAST), 0);
    ck_assert_int_eq(get(fd, SO_REUSEADDR), 1);
    ck_assert_int_eq(get(fd, SO_RCVBUF), 65536);
    set(fd, SO_RCVBUF, 1 << 20);
    set(fd, SO_SNDBUF, 1 << 19);
    ck_assert_int_eq(get(fd, SO_RCVBUF), 1 << 20);
    ck_assert_int_eq(get(fd, SO_SNDBUF), 1 << 19);
}
END_TEST

START_TEST(test_timeouts_are_read_back)
{
    static const int names[] = {SO_RCVTIMEO, SO_SNDTIMEO};
    struct timeval time = {3, 250000}, back;
    socklen_t size = sizeof(back);
    int fd = divert_socket();

    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, names[i], &time, sizeof(time)), 0);
        ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, names[i], &back, &size), 0);
        ck_assert_int_eq(back.tv_sec, 3);
        ck_assert_int_eq(back.tv_usec, 250000);
        expect_errno(setsockopt(fd, SOL_SOCKET, names[i], &time, 3), EINVAL);
    }
}
END_TEST

START_TEST(test_options_without_effect_are_kept)
{
    const int names[] = {SO_RCVLOWAT, SO_SNDLOWAT, SO_OOBINLINE};
    struct linger linger = {.l_onoff = 1, .l_linger = 7}, kept = {0};
    int fd = divert_socket(), one = 1, back;
    socklen_t size = sizeof(kept);

    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
    ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, SO_LINGER, &kept, &size), 0);
    ck_assert_int_eq(kept.l_onoff, 1);
    ck_assert_int_eq(kept.l_linger, 7);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        size = sizeof(back);
        ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, names[i], &one, sizeof(one)), 0);
        ck_assert_int_eq(getsockopt(fd, SOL_SOCKET, names[i], &back, &size), 0);
        ck_assert_int_eq(back, 1);
    }
}
END_TEST

#define USER_COOKIE 0x1015 /* SO_USER_COOKIE of FreeBSD */

static uint32_t cookie_of(int fd)
{
    return (uint32_t)get(fd, USER_COOKIE);
}

START_TEST(test_user_cookie_is_kept)
{
    int fds[] = {divert_socket(), socket(AF_INET, SOCK_DGRAM, 0), socket(AF_UNIX, SOCK_STREAM, 0)};
    int copy, other = socket(AF_INET, SOCK_DGRAM, 0);
    uint32_t value = 0xc0000000;

    for (int i = 0; i < 3; i++) {
        ck_assert_uint_eq(cookie_of(fds[i]), 0);
        set(fds[i], USER_COOKIE, (int)value + i);
        expect_errno(setsockopt(fds[i], SOL_SOCKET, USER_COOKIE, &value, 3), EINVAL);
    }
    for (int i = 0; i < 3; i++) {
        copy = dup(fds[i]);
        ck_assert_uint_eq(cookie_of(fds[i]), value + (uint32_t)i);
        ck_assert_uint_eq(cookie_of(copy), value + (uint32_t)i);
    }
    ck_assert_uint_eq(cookie_of(other), 0);
    ck_assert_int_eq(get(fds[1], SO_MARK), 0);
}
END_TEST

START_TEST(test_user_cookie_of_a_pipe_is_enotsock)
{
    uint32_t value = 1;
    int fds[2];

    ck_assert_int_eq(pipe(fds), 0);
    expect_errno(setsockopt(fds[0], SOL_SOCKET, USER_COOKIE, &value, sizeof(value)), ENOTSOCK);
    expect_errno(setsockopt(-1, SOL_SOCKET, USER_COOKIE, &value, sizeof(value)), EBADF);
}
END_TEST

/* No socket gets another's number, however many there were. */
START_TEST(test_user_cookies_of_many_sockets)
{
    for (int i = 1; i <= 1000; i++) {
        int fd = socket(AF_INET, SOCK_DGRAM, 0);

        ck_assert_uint_eq(cookie_of(fd), 0);
        set(fd, USER_COOKIE, i);
        ck_assert_uint_eq(cookie_of(fd), (uint32_t)i);
        close(fd);
    }
}
END_TEST

START_TEST(test_interfaces_are_asked_for_by_ioctl)
{
    struct ifreq request = {.ifr_name = "in0"};
    struct ifconf list = {.ifc_len = 0};
    int fd = divert_socket();

    ck_assert_int_eq(ioctl(fd, SIOCGIFMTU, &request), 0);
    ck_assert_int_eq(request.ifr_mtu, 1500);
    ck_assert_int_eq(ioctl(fd, SIOCGIFFLAGS, &request), 0);
    ck_assert(request.ifr_flags & IFF_UP);
    ck_assert_int_eq(ioctl(fd, SIOCGIFADDR, &request), 0);
    ck_assert_str_eq(inet_ntoa(((struct sockaddr_in *)(void *)&request.ifr_addr)->sin_addr),
                     IN_ADDRESS);
    ck_assert_int_eq(ioctl(fd, SIOCGIFCONF, &list), 0);
    ck_assert_int_ge(list.ifc_len, 3 * (int)sizeof(request)); /* lo, in0 and out0 */
    memcpy(request.ifr_name, "none9", sizeof("none9"));
    expect_errno(ioctl(fd, SIOCGIFMTU, &request), ENODEV);
}
END_TEST

START_TEST(test_unknown_options_are_refused)
{
    int fd = divert_socket(), one = 1;

    expect_errno(setsockopt(fd, IPPROTO_TCP, 1, &one, sizeof(one)), ENOPROTOOPT);
    expect_errno(setsockopt(fd, SOL_SOCKET, 9999, &one, sizeof(one)), ENOPROTOOPT);
    expect_errno(setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &one, 1), EINVAL);
    expect_errno(getsockopt(fd, SOL_SOCKET, 9999, &one, &(socklen_t){sizeof(one)}), ENOPROTOOPT);
}
END_TEST

START_TEST(test_stat_says_socket)
{
    int fd = divert_bound(PORT), other = divert_socket();
    struct stat st, second;
    struct stat64 st64;

    ck_assert_int_eq(fstat(fd, &st), 0);
    ck_assert(S_ISSOCK(st.st_mode));
    ck_assert_int_eq(fstat(dup(fd), &second), 0);
    ck_assert_uint_eq(st.st_ino, second.st_ino);
    ck_assert_int_eq(fstat(other, &second), 0);
    ck_assert_uint_ne(st.st_ino, second.st_ino);
    ck_assert_int_eq(fstat64(fd, &st64), 0);
    ck_assert(S_ISSOCK(st64.st_mode));
    ck_assert_int_eq(fstatat(fd, "", &st, AT_EMPTY_PATH), 0);
    ck_assert(S_ISSOCK(st.st_mode));
    ck_assert_int_eq(fstat(0, &st), 0);
    expect_errno(fstat(999, &st), EBADF);
}
END_TEST

#ifdef STATX_TYPE /* not in musl before 1.2.5 */
START_TEST(test_statx_says_socket)
{
    int fd = divert_bound(PORT);
    struct statx stx;

    ck_assert_int_eq(statx(fd, "", AT_EMPTY_PATH, STATX_TYPE, &stx), 0);
    ck_assert(S_ISSOCK(stx.stx_mode));
}
END_TEST
#endif

START_TEST(test_fionbio)
{
    int fd = divert_bound(PORT), on = 1;

    ck_assert_int_eq(ioctl(fd, FIONBIO, &on), 0);
    ck_assert_int_eq(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
    expect_errno(read(fd, got, sizeof(got)), EAGAIN);
    on = 0;
    ck_assert_int_eq(ioctl(fd, FIONBIO, &on), 0);
    ck_assert_int_eq(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
}
END_TEST

static void wait_for_signal(void)
{
    for (int i = 0; i < 1000 && !signals; i++)
        usleep(10000);
    ck_assert_msg(signals > 0, "expected SIGIO, none came");
}

START_TEST(test_sigio_by_fcntl)
{
    int fd = divert_bound(PORT);

    signal(SIGIO, count_signal);
    divert_incoming(PORT);
    ck_assert_int_eq(fcntl(fd, F_SETOWN, getpid()), 0);
    ck_assert_int_eq(fcntl(fd, F_GETOWN), getpid());
    ck_assert_int_eq(fcntl(fd, F_SETFL, O_ASYNC | O_NONBLOCK), 0);
    ck_assert_int_eq(fcntl(fd, F_GETFL) & (O_ASYNC | O_NONBLOCK), O_ASYNC | O_NONBLOCK);
    ck_assert_int_eq(signals, 0);
    for (int i = 0; i < 3; i++) {
        signals = 0;
        send_one("x");
        wait_for_signal();
        ck_assert_int_eq(read(fd, got, sizeof(got)), (ssize_t)len);
    }
    ck_assert_int_eq(fcntl(fd, F_SETFL, O_NONBLOCK), 0);
    signals = 0;
    send_one("x");
    usleep(50000);
    ck_assert_int_eq(signals, 0);
}
END_TEST

START_TEST(test_sigio_by_ioctl)
{
    int fd = divert_bound(PORT), on = 1, owner = getpid();

    signal(SIGIO, count_signal);
    divert_incoming(PORT);
    ck_assert_int_eq(ioctl(fd, FIOSETOWN, &owner), 0);
    owner = 0;
    ck_assert_int_eq(ioctl(fd, FIOGETOWN, &owner), 0);
    ck_assert_int_eq(owner, getpid());
    ck_assert_int_eq(ioctl(fd, FIOASYNC, &on), 0);
    ck_assert_int_eq(fcntl(fd, F_GETFL) & O_ASYNC, O_ASYNC);
    send_one("x");
    wait_for_signal();
    on = 0;
    ck_assert_int_eq(ioctl(fd, FIOASYNC, &on), 0);
    ck_assert_int_eq(fcntl(fd, F_GETFL) & O_ASYNC, 0);
}
END_TEST

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

START_TEST(test_recvmmsg)
{
    static uint8_t buffers[4][2000];
    struct iovec iov[4];
    struct mmsghdr messages[4] = {0};
    struct timespec soon = {.tv_nsec = 100000000};
    int fd = divert_bound(PORT);
    double start = seconds();

    for (int i = 0; i < 4; i++) {
        iov[i] = (struct iovec){buffers[i], sizeof(buffers[i])};
        messages[i].msg_hdr.msg_iov = &iov[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    divert_incoming(PORT);
    ck_assert_int_eq(recvmmsg(fd, messages, 4, 0, &soon), 0);
    ck_assert(seconds() - start >= 0.09);
    send_one("a");
    send_one("bb");
    ck_assert_int_eq(recvmmsg(fd, messages, 4, 0, &soon), 2);
    ck_assert_uint_eq(messages[1].msg_len, len);
    ck_assert_mem_eq(buffers[1], packet, len);
    send_one("x");
    ck_assert_int_eq(recvmmsg(fd, messages, 4, MSG_WAITFORONE, NULL), 1);
    expect_errno(recvmmsg(fd, messages, 4, MSG_DONTWAIT, NULL), EAGAIN);
    iov[0].iov_len = len;
    ck_assert_int_eq(sendmmsg(fd, messages, 1, 0), 1);
    ck_assert_uint_eq(messages[0].msg_len, len);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_calls_of_connections_are_refused,
        test_getsockname_before_and_after_bind,
        test_shutdown_of_writing,
        test_write_after_shutdown_raises_sigpipe,
        test_shutdown_of_reading,
        test_options_tell_what_it_is,
        test_options_that_were_set_are_read_back,
        test_timeouts_are_read_back,
        test_options_without_effect_are_kept,
        test_user_cookie_is_kept,
        test_user_cookie_of_a_pipe_is_enotsock,
        test_user_cookies_of_many_sockets,
        test_interfaces_are_asked_for_by_ioctl,
        test_unknown_options_are_refused,
        test_stat_says_socket,
#ifdef STATX_TYPE
        test_statx_says_socket,
#endif
        test_fionbio,
        test_sigio_by_fcntl,
        test_sigio_by_ioctl,
        test_recvmmsg,
    };

    return run_suite("calls", tests, sizeof(tests) / sizeof(tests[0]));
}
