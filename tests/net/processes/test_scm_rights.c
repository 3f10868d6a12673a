/* SPDX-License-Identifier: BSD-2-Clause */
/* Divert sockets that are passed to other processes over UNIX sockets: SCM_RIGHTS, unix(7). */
#include "make_packet.h"
#include "musl.h"
#include "numbered.h"
#include "stress.h"
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define FDS_MAX   8
#define RECEIVED  3 /* packets that each receiver passes on */
#define TIMEOUT_S 10

static uint8_t got[2000];
static struct sockaddr_in from;

/* Room for the descriptors of one message, suitably aligned. */
union control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
};

static void fill(struct msghdr *msg, union control *control, const int *fds, size_t count)
{
    struct cmsghdr *c = &control->header;

    memset(control, 0, sizeof(*control));
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(c), fds, count * sizeof(int));
    msg->msg_control = control;
    msg->msg_controllen = CMSG_SPACE(count * sizeof(int));
}

static ssize_t send_fds(int channel, const int *fds, size_t count)
{
    struct iovec vector = {"hello", 5};
    struct msghdr msg = {.msg_iov = &vector, .msg_iovlen = 1};
    union control control;

    fill(&msg, &control, fds, count);
    return sendmsg(channel, &msg, 0);
}

static size_t take(struct msghdr *msg, int *fds)
{
    struct cmsghdr *c = CMSG_FIRSTHDR(msg), *next;
    size_t count;

    if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
        return 0;
    count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    next = CMSG_NXTHDR(msg, c);
    if (count > FDS_MAX || next)
        return 0;
    memcpy(fds, CMSG_DATA(c), count * sizeof(int));
    return count;
}

/*
 * Receives one message with a control buffer of that size. Returns how many descriptors came with
 * it.
 */
static size_t receive_fds(int channel, int *fds, size_t bytes, int flags, int *message_flags)
{
    char text[8] = "";
    struct iovec vector = {text, sizeof(text)};
    union control control;
    struct msghdr msg = {
        .msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = bytes};

    if (recvmsg(channel, &msg, flags) != 5 || memcmp(text, "hello", 5) != 0)
        return 0;
    *message_flags = msg.msg_flags;
    return take(&msg, fds);
}

static int receive_one(int channel)
{
    int fds[FDS_MAX], flags = 0;

    return receive_fds(channel, fds, CMSG_SPACE(sizeof(int)), 0, &flags) == 1 &&
                   !(flags & MSG_CTRUNC)
               ? fds[0]
               : -1;
}

/* Reads after poll(2), and by a blocking read. Returns 0, or the number of what failed. */
static int pass_some(int fd)
{
    struct timeval time = {.tv_sec = TIMEOUT_S};
    struct pollfd p = {.fd = fd, .events = POLLIN};

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time));
    for (unsigned i = 0; i < RECEIVED; i++) {
        socklen_t size = sizeof(from);
        ssize_t n;

        if (i % 2 == 0 && (poll(&p, 1, TIMEOUT_S * 1000) != 1 || p.revents != POLLIN))
            return 30;
        n = recvfrom(fd, got, sizeof(got), 0, (struct sockaddr *)&from, &size);
        if (n != SMALL_PACKET || small_number(got) != i || size != sizeof(from))
            return 31;
        if (sendto(fd, got, SMALL_PACKET, 0, (struct sockaddr *)&from, size) != SMALL_PACKET)
            return 32;
    }
    return 0;
}

/* What the receiving processes do; each is also a program of its own. */

static int receiver_passes(int channel)
{
    int fd = receive_one(channel);

    return fd < 0 ? 20 : pass_some(fd);
}

static int receiver_with_recvmmsg(int channel)
{
    char text[2][8] = {"", ""};
    union control control[2];
    struct iovec vectors[2];
    struct mmsghdr messages[2];
    int fd[2];

    for (int i = 0; i < 2; i++) {
        vectors[i] = (struct iovec){text[i], sizeof(text[i])};
        messages[i].msg_hdr = (struct msghdr){.msg_iov = &vectors[i],
                                              .msg_iovlen = 1,
                                              .msg_control = &control[i],
                                              .msg_controllen = CMSG_SPACE(sizeof(int))};
    }
    if (recvmmsg(channel, messages, 2, 0, NULL) != 2)
        return 40;
    for (int i = 0; i < 2; i++) {
        if (messages[i].msg_len != 5 || take(&messages[i].msg_hdr, &fd[i]) != 1)
            return 41;
    }
    /* The first is the divert socket, the second the write end of a pipe. */
    return write(fd[1], "pipe", 4) == 4 ? pass_some(fd[0]) : 42;
}

static int receiver_of_many(int channel)
{
    int fds[FDS_MAX], flags = 0, result;
    struct stat null, st;

    if (receive_fds(channel, fds, sizeof(union control), 0, &flags) != 4)
        return 50;
    if (stat("/dev/null", &null) < 0 || fstat(fds[0], &st) < 0 || st.st_rdev != null.st_rdev)
        return 51;
    if (write(fds[2], "pipe", 4) != 4 || (fcntl(fds[2], F_GETFL) & O_ACCMODE) != O_WRONLY)
        return 52;
    result = pass_some(fds[1]);
    /* The last one is another divert socket, to which nothing comes. */
    return result || (recv(fds[3], got, 1, MSG_DONTWAIT) == -1 && errno == EAGAIN) ? result : 53;
}

static int receiver_marks_close_on_exec(int channel)
{
    int fds[FDS_MAX], flags = 0;

    for (int i = 0; i < 2; i++) {
        int expected = i ? FD_CLOEXEC : 0;

        if (receive_fds(channel, fds, CMSG_SPACE(2 * sizeof(int)), i ? MSG_CMSG_CLOEXEC : 0,
                        &flags) != 2)
            return 60;
        if (fcntl(fds[0], F_GETFD) != expected || fcntl(fds[1], F_GETFD) != expected)
            return 61;
    }
    return pass_some(fds[0]);
}

static int receiver_has_room_for_one(int channel)
{
    int fds[FDS_MAX], flags = 0;

    /* CMSG_SPACE() would leave room for a second one on machines of 64 bits. */
    if (receive_fds(channel, fds, CMSG_LEN(sizeof(int)), 0, &flags) != 1 || !(flags & MSG_CTRUNC))
        return 70;
    return pass_some(fds[0]);
}

/*
 * As in daemons with privilege separation: the half that reads packets has no privileges when it
 * gets its socket.
 */
static int receiver_gives_up_root(int channel)
{
    if (setgid(65534) < 0 || setuid(65534) < 0 || setuid(0) == 0)
        return 80;
    return receiver_passes(channel);
}

static const struct receiver {
    const char *name;
    int (*run)(int channel);
} receivers[] = {
    {"passes", receiver_passes},        {"recvmmsg", receiver_with_recvmmsg},
    {"many", receiver_of_many},         {"close-on-exec", receiver_marks_close_on_exec},
    {"one", receiver_has_room_for_one}, {"nobody", receiver_gives_up_root},
};

static int run_receiver(const char *name, int channel)
{
    for (size_t i = 0; i < sizeof(receivers) / sizeof(receivers[0]); i++) {
        if (strcmp(receivers[i].name, name) == 0)
            return receivers[i].run(channel);
    }
    return 99;
}

/* How the receiver was made, and so what it knows of the socket beforehand. */
enum { CHILD_BY_FORK, CHILD_BY_RAW_FORK, PROGRAM, ORIGINS };

static int channel[2]; /* ours and the receiver's */

static void make_channel(int type)
{
    ck_assert_int_eq(socketpair(AF_UNIX, type, 0, channel), 0);
}

/* Starts a receiver that has closed everything but its end of the channel. */
static pid_t start_receiver(int origin, const char *name)
{
    pid_t pid = origin == CHILD_BY_RAW_FORK ? _Fork() : fork();
    char number[16];
    int keep;

    if (pid != 0)
        return pid;
    keep = dup2(channel[1], 50);
    close_range(3, 49, 0);
    close_range(51, ~0u, 0);
    if (origin != PROGRAM)
        _exit(run_receiver(name, keep));
    snprintf(number, sizeof(number), "%d", keep);
    execl("/proc/self/exe", "test", name, number, (char *)NULL);
    _exit(98);
}

static void expect_passed(pid_t pid)
{
    int status = wait_for_child(pid);

    ck_assert_msg(status == 0, "expected the receiver to pass packets on, status 0x%x", status);
    for (unsigned i = 0; i < RECEIVED; i++) {
        ck_assert_uint_eq(wire_receive(&out0, got, sizeof(got)), SMALL_PACKET);
        ck_assert_uint_eq(small_number(got), i);
    }
    wire_expect_silence(&out0);
}

static void send_some(void)
{
    for (unsigned i = 0; i < RECEIVED; i++)
        send_small(i);
}

START_TEST(test_child_receives_what_it_had_closed)
{
    int fd = divert_ready();
    pid_t pid;

    make_channel(SOCK_STREAM);
    pid = start_receiver(_i, "passes");
    ck_assert_int_eq(send_fds(channel[0], &fd, 1), 5);
    send_some();
    expect_passed(pid);
}
END_TEST

START_TEST(test_process_receives_what_it_never_had)
{
    pid_t pid;
    int fd;

    make_channel(SOCK_SEQPACKET);
    pid = start_receiver(_i, "passes");
    fd = divert_ready();
    ck_assert_int_eq(send_fds(channel[0], &fd, 1), 5);
    ck_assert_int_eq(close(fd), 0);
    send_some();
    expect_passed(pid);
    ck_assert(port_free(PORT));
}
END_TEST

START_TEST(test_socket_is_received_after_its_sender_ended)
{
    pid_t pid, sender;
    int fd;

    make_channel(SOCK_DGRAM);
    sender = fork();
    if (sender == 0) {
        struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = htons(PORT)};

        fd = socket(AF_INET, SOCK_RAW, IPPROTO_DIVERT);
        if (bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0)
            _exit(1);
        _exit(send_fds(channel[0], &fd, 1) == 5 && close(fd) == 0 ? 0 : 2);
    }
    expect_exit(sender, 0);
    ck_assert(!port_free(PORT));
    divert_incoming(PORT);
    send_some();
    pid = start_receiver(_i, "passes");
    close(channel[0]);
    close(channel[1]);
    expect_passed(pid);
    ck_assert(port_free(PORT));
}
END_TEST

START_TEST(test_receiver_that_has_given_up_root)
{
    pid_t pid;
    int fd;

    make_channel(SOCK_STREAM);
    setenv("DIVERTSHIM_KEEP_CAPS", "2", 1);
    pid = start_receiver(PROGRAM, "nobody");
    fd = divert_ready();
    ck_assert_int_eq(send_fds(channel[0], &fd, 1), 5);
    ck_assert_int_eq(close(fd), 0);
    send_some();
    expect_passed(pid);
}
END_TEST

START_TEST(test_many_descriptors_in_one_message)
{
    int fd = divert_ready(), second = divert_bound(PORT + 1), ends[2];
    int null = open("/dev/null", O_RDWR);
    char text[8] = "";
    pid_t pid;

    ck_assert_int_eq(pipe(ends), 0);
    make_channel(SOCK_STREAM);
    pid = start_receiver(_i, "many");
    ck_assert_int_eq(send_fds(channel[0], (int[]){null, fd, ends[1], second}, 4), 5);
    close(fd);
    close(ends[1]);
    send_some();
    expect_passed(pid);
    ck_assert_int_eq(read(ends[0], text, sizeof(text)), 4);
    ck_assert_str_eq(text, "pipe");
    ck_assert_int_eq(read(ends[0], text, sizeof(text)), 0);
    ck_assert(!port_free(PORT + 1));
    close(second);
    ck_assert(port_free(PORT + 1));
}
END_TEST

START_TEST(test_sendmmsg_and_recvmmsg)
{
    int fd = divert_ready(), ends[2], fds[2];
    struct iovec vector = {"hello", 5};
    struct mmsghdr messages[2] = {{.msg_hdr = {.msg_iov = &vector, .msg_iovlen = 1}},
                                  {.msg_hdr = {.msg_iov = &vector, .msg_iovlen = 1}}};
    union control control[2];
    pid_t pid;

    ck_assert_int_eq(pipe(ends), 0);
    fds[0] = fd;
    fds[1] = ends[1];
    for (int i = 0; i < 2; i++)
        fill(&messages[i].msg_hdr, &control[i], &fds[i], 1);
    make_channel(SOCK_SEQPACKET);
    pid = start_receiver(_i, "recvmmsg");
    ck_assert_int_eq(sendmmsg(channel[0], messages, 2, 0), 2);
    ck_assert_uint_eq(messages[0].msg_len, 5);
    send_some();
    expect_passed(pid);
    ck_assert_int_eq(read(ends[0], got, 8), 4);
}
END_TEST

START_TEST(test_received_descriptors_are_close_on_exec_if_asked_for)
{
    int fd = divert_ready(), fds[2];
    pid_t pid;

    fds[0] = fd;
    fds[1] = 0;
    make_channel(SOCK_SEQPACKET);
    pid = start_receiver(_i, "close-on-exec");
    ck_assert_int_eq(send_fds(channel[0], fds, 2), 5);
    ck_assert_int_eq(send_fds(channel[0], fds, 2), 5);
    send_some();
    expect_passed(pid);
}
END_TEST

START_TEST(test_received_with_room_for_one_of_two)
{
    int fd = divert_ready();
    pid_t pid;

    make_channel(SOCK_SEQPACKET);
    pid = start_receiver(_i, "one");
    ck_assert_int_eq(send_fds(channel[0], (int[]){fd, 0}, 2), 5);
    send_some();
    expect_passed(pid);
}
END_TEST

/* Both processes have the socket: each packet is read once. */
START_TEST(test_sender_goes_on_to_use_it)
{
    int fd = divert_ready();
    pid_t pid;

    make_channel(SOCK_STREAM);
    pid = start_receiver(_i, "passes");
    ck_assert_int_eq(send_fds(channel[0], &fd, 1), 5);
    send_some();
    expect_passed(pid);
    send_some();
    ck_assert_int_eq(pass_some(fd), 0);
    for (unsigned i = 0; i < RECEIVED; i++)
        ck_assert_uint_eq(wire_receive(&out0, got, sizeof(got)), SMALL_PACKET);
    wire_expect_silence(&out0);
    close(fd);
    ck_assert(port_free(PORT));
}
END_TEST

START_TEST(test_sent_to_oneself_it_is_a_copy)
{
    int fd = divert_ready(), copy;

    make_channel(SOCK_STREAM);
    ck_assert_int_eq(send_fds(channel[0], &fd, 1), 5);
    copy = receive_one(channel[1]);
    ck_assert_int_ge(copy, 0);
    ck_assert_int_ne(copy, fd);
    send_small(7);
    ck_assert_uint_eq(divert_read(copy, got, sizeof(got), &from), SMALL_PACKET);
    divert_write(fd, got, SMALL_PACKET, &from);
    wire_receive(&out0, got, sizeof(got));
    close(fd);
    ck_assert(!port_free(PORT));
    send_some();
    ck_assert_int_eq(pass_some(copy), 0);
    close(copy);
    ck_assert(port_free(PORT));
}
END_TEST

/* The channel is closed before anybody has received it: it is gone. */
START_TEST(test_message_that_nobody_receives_frees_the_port)
{
    int fd = divert_ready();

    make_channel(SOCK_STREAM);
    ck_assert_int_eq(send_fds(channel[0], &fd, 1), 5);
    close(fd);
    ck_assert(!port_free(PORT));
    close(channel[0]);
    close(channel[1]);
    for (int i = 0; i < 500 && !port_free(PORT); i++)
        usleep(10000);
    ck_assert(port_free(PORT));
}
END_TEST

START_TEST(test_ordinary_messages_are_unchanged)
{
    int fd = divert_ready(), ends[2], fds[FDS_MAX], flags = 0;
    char text[8] = "";

    ck_assert_int_eq(pipe(ends), 0);
    make_channel(SOCK_STREAM);
    ck_assert_int_eq(send_fds(channel[0], (int[]){ends[0], ends[1]}, 2), 5);
    ck_assert_uint_eq(receive_fds(channel[1], fds, sizeof(union control), MSG_CMSG_CLOEXEC, &flags),
                      2);
    ck_assert_int_eq(flags & MSG_CTRUNC, 0);
    ck_assert_int_eq(fcntl(fds[0], F_GETFD), FD_CLOEXEC);
    ck_assert_int_eq(write(fds[1], "text", 4), 4);
    ck_assert_int_eq(read(fds[0], text, sizeof(text)), 4);
    ck_assert_int_eq(send(channel[0], "none", 4, 0), 4);
    ck_assert_uint_eq(receive_fds(channel[1], fds, sizeof(union control), 0, &flags), 0);
    send_some();
    ck_assert_int_eq(pass_some(fd), 0);
}
END_TEST

int main(int argc, char *argv[])
{
    const TTest *const each_origin[] = {
        test_child_receives_what_it_had_closed,
        test_process_receives_what_it_never_had,
        test_socket_is_received_after_its_sender_ended,
        test_many_descriptors_in_one_message,
        test_sendmmsg_and_recvmmsg,
        test_received_descriptors_are_close_on_exec_if_asked_for,
        test_received_with_room_for_one_of_two,
        test_sender_goes_on_to_use_it,
    };
    const TTest *const tests[] = {
        test_receiver_that_has_given_up_root,
        test_sent_to_oneself_it_is_a_copy,
        test_message_that_nobody_receives_frees_the_port,
        test_ordinary_messages_are_unchanged,
    };
    int failed;

    if (argc == 3)
        return run_receiver(argv[1], atoi(argv[2]));
    failed = run_suite_with("scm rights", each_origin, sizeof(each_origin) / sizeof(each_origin[0]),
                            ORIGINS);
    failed |= run_suite("messages", tests, sizeof(tests) / sizeof(tests[0]));
    return failed;
}
