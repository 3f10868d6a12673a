/* SPDX-License-Identifier: BSD-2-Clause */
/* Processes that share a divert socket: fork(2) and what is made of it. */
#include "make_packet.h"
#include "wire.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define PACKETS 400

extern char **environ;

static uint8_t packet[2000], got[2000];
static size_t len;
static struct sockaddr_in from;

static void send_numbered(uint32_t number)
{
    len = make_udp(packet, IN_PEER, 1111, OUT_PEER, 2222, (uint16_t)(number + 1), &number,
                   sizeof(number));
    wire_send(&in0, packet, len);
}

static int divert_ready(void)
{
    int fd = divert_bound(PORT);

    divert_incoming(PORT);
    return fd;
}

/* Reads and writes until nothing comes any more; how many packets that were. */
static int pass_all(int fd)
{
    struct timeval time = {.tv_usec = 500000};
    socklen_t size = sizeof(from);
    int passed = 0;
    ssize_t n;

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time));
    while ((n = recvfrom(fd, got, sizeof(got), 0, (struct sockaddr *)&from, &size)) > 0) {
        if (sendto(fd, got, (size_t)n, 0, (struct sockaddr *)&from, size) != n)
            return -1;
        passed++;
    }
    return passed;
}

static pid_t child_that_passes(int fd)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(pass_all(fd) > 0 ? 0 : 1);
    return pid;
}

static void expect_exit(pid_t pid, int expected)
{
    int status = -1;

    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_msg(status == expected << 8, "expected exit status %d, got 0x%x", expected, status);
}

static void expect_each_once(int count)
{
    uint8_t seen[PACKETS] = {0};

    for (int i = 0; i < count; i++) {
        uint32_t number;

        ck_assert_uint_eq(wire_receive(&out0, got, sizeof(got)), 32);
        memcpy(&number, got + 28, sizeof(number));
        ck_assert_uint_lt(number, PACKETS);
        ck_assert_msg(!seen[number]++, "expected packet %u once, it came again", number);
    }
    wire_expect_silence(&out0);
}

static bool port_free(int port)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = divert_socket(), result = bind(fd, (struct sockaddr *)&sin, sizeof(sin));

    close(fd);
    return result == 0;
}

START_TEST(test_parent_and_child_read_each_packet_once)
{
    int fd = divert_ready(), passed;
    pid_t pid;

    send_numbered(0);
    pid = child_that_passes(fd);
    for (uint32_t i = 1; i < PACKETS; i++) {
        send_numbered(i);
        usleep(100);
    }
    passed = pass_all(fd);
    ck_assert_int_ge(passed, 0);
    ck_assert_int_ge(waitpid(pid, NULL, 0), 0);
    expect_each_once(PACKETS);
}
END_TEST

START_TEST(test_prefork)
{
    int fd = divert_ready();
    pid_t children[4];

    for (int i = 0; i < 4; i++)
        children[i] = child_that_passes(fd);
    close(fd);
    for (uint32_t i = 0; i < PACKETS; i++)
        send_numbered(i);
    for (int i = 0; i < 4; i++)
        waitpid(children[i], NULL, 0);
    expect_each_once(PACKETS);
    ck_assert(port_free(PORT));
}
END_TEST

START_TEST(test_read_here_and_written_there)
{
    int fd = divert_ready();
    pid_t pid;

    for (uint32_t i = 0; i < 3; i++)
        send_numbered(i);
    divert_read(fd, got, sizeof(got), &from);
    pid = fork();
    if (pid == 0)
        _exit(sendto(fd, got, len, 0, (struct sockaddr *)&from, sizeof(from)) != (ssize_t)len);
    expect_exit(pid, 0);
    ck_assert_uint_eq(queue_waiting(PORT), 2);
    ck_assert_int_eq(pass_all(fd), 2);
    ck_assert_uint_eq(queue_waiting(PORT), 0);
    expect_each_once(3);
}
END_TEST

START_TEST(test_last_close_frees_the_port)
{
    int fd = divert_ready();
    pid_t pid = fork();

    if (pid == 0)
        _exit(pass_all(fd) == 1 ? 0 : 1);
    close(fd);
    ck_assert(!port_free(PORT));
    send_numbered(0);
    expect_exit(pid, 0);
    ck_assert(port_free(PORT));
    fd = divert_bound(PORT);
    pid = fork();
    if (pid == 0)
        _exit(close(fd));
    expect_exit(pid, 0);
    ck_assert(!port_free(PORT));
    send_numbered(1);
    ck_assert_int_eq(pass_all(fd), 1);
    close(fd);
    ck_assert(port_free(PORT));
}
END_TEST

/* What a child closes stays watched in its parent. */
START_TEST(test_child_closes_what_the_parent_watches)
{
    int fd = divert_ready(), epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    pid_t pid;

    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    pid = fork();
    if (pid == 0)
        _exit(close(fd) + close(epoll));
    expect_exit(pid, 0);
    send_numbered(0);
    ck_assert_int_eq(epoll_wait(epoll, &event, 1, 5000), 1);
    ck_assert_int_eq(pass_all(fd), 1);
    ck_assert_int_eq(epoll_wait(epoll, &event, 1, 0), 0);
}
END_TEST

/* A server that was set up before it went to the background. */
START_TEST(test_child_waits_with_the_parents_epoll)
{
    int fd = divert_ready(), epoll = epoll_create1(0);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    pid_t pid;

    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    pid = fork();
    if (pid == 0)
        _exit(epoll_wait(epoll, &event, 1, 5000) == 1 && pass_all(fd) == 1 ? 0 : 1);
    close(fd);
    close(epoll);
    send_numbered(0);
    expect_exit(pid, 0);
    expect_each_once(1);
}
END_TEST

START_TEST(test_daemon)
{
    int fd = divert_ready();
    pid_t pid = fork();

    if (pid == 0) {
        if (daemon(0, 0) < 0)
            _exit(1);
        _exit(pass_all(fd) == 3 ? 0 : 1);
    }
    expect_exit(pid, 0);
    close(fd);
    for (uint32_t i = 0; i < 3; i++)
        send_numbered(i);
    expect_each_once(3);
    for (int i = 0; i < 500 && !port_free(PORT); i++)
        usleep(10000);
    ck_assert(port_free(PORT));
}
END_TEST

START_TEST(test_child_of_vfork_harms_nothing)
{
    int fd = divert_ready(), other = divert_bound(PORT + 1);
    pid_t pid = vfork();

    if (pid == 0) {
        dup2(fd, 50);
        dup2(0, other);
        close(fd);
        close_range(3, ~0u, 0);
        execl("/bin/true", "true", (char *)NULL);
        _exit(1);
    }
    expect_exit(pid, 0);
    ck_assert_int_eq(fcntl(50, F_GETFD), -1);
    send_numbered(0);
    ck_assert_int_eq(pass_all(fd), 1);
    expect_each_once(1);
    ck_assert(!port_free(PORT + 1));
    ck_assert(divert_silent(other));
}
END_TEST

/* Made past the C library's fork handlers: its memory is still its own. */
START_TEST(test_child_made_without_handlers)
{
    int fd = divert_ready();
    pid_t pid = _Fork();

    if (pid == 0) {
        int copy = dup(fd);

        close(fd);
        _exit(copy >= 0 && open("/dev/null", O_RDONLY) == fd && read(fd, got, 1) == 0 &&
                      pass_all(copy) == 1
                  ? 0
                  : 1);
    }
    send_numbered(0);
    expect_exit(pid, 0);
    expect_each_once(1);
}
END_TEST

START_TEST(test_nothing_hidden_survives_exec)
{
    int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_DIVERT), ends[2];
    char *argv[] = {"ls", "/proc/self/fd", NULL}, list[4096] = {0};
    posix_spawn_file_actions_t actions;
    pid_t pid;

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
    ck_assert_int_eq(posix_spawn(&pid, "/bin/ls", &actions, NULL, argv, environ), 0);
    close(ends[1]);
    expect_exit(pid, 0);
    ck_assert_int_gt(read(ends[0], list, sizeof(list) - 1), 0);
    for (char *number = strtok(list, "\n"); number; number = strtok(NULL, "\n"))
        ck_assert_msg(atoi(number) < 1000, "expected no descriptor %s", number);
}
END_TEST

/*
 * Programs that inherit a divert socket: this one, started again with the descriptor's number, and
 * what it is to do with it.
 */
static char self[] = "/proc/self/exe", number[16];
static const char *job;

static void exec_execve(void)
{
    execve(self, (char *[]){"test", (char *)job, number, NULL}, environ);
}

static void exec_execv(void)
{
    execv(self, (char *[]){"test", (char *)job, number, NULL});
}

static void exec_execvp(void)
{
    execvp(self, (char *[]){"test", (char *)job, number, NULL});
}

static void exec_execvpe(void)
{
    execvpe(self, (char *[]){"test", (char *)job, number, NULL}, environ);
}

static void exec_execl(void)
{
    execl(self, "test", job, number, (char *)NULL);
}

static void exec_execlp(void)
{
    execlp(self, "test", job, number, (char *)NULL);
}

static void exec_execle(void)
{
    execle(self, "test", job, number, (char *)NULL, environ);
}

static void exec_fexecve(void)
{
    fexecve(open(self, O_RDONLY), (char *[]){"test", (char *)job, number, NULL}, environ);
}

static void exec_by_shell(void)
{
    char command[64];

    snprintf(command, sizeof(command), "exec /proc/%d/exe %s %s", getppid(), job, number);
    execl("/bin/sh", "sh", "-c", command, (char *)NULL);
}

static void (*const execs[])(void) = {
    exec_execve, exec_execv,  exec_execvp,  exec_execvpe,  exec_execl,
    exec_execlp, exec_execle, exec_fexecve, exec_by_shell,
};

#define EXECS ((int)(sizeof(execs) / sizeof(execs[0])))

static pid_t start_program(int way, int fd, const char *what)
{
    pid_t pid = fork();

    if (pid == 0) {
        job = what;
        snprintf(number, sizeof(number), "%d", fd);
        execs[way]();
        _exit(100);
    }
    return pid;
}

START_TEST(test_socket_is_inherited_over_exec)
{
    int fd = divert_ready();
    pid_t pid;

    for (uint32_t i = 0; i < 3; i++)
        send_numbered(i);
    divert_read(fd, got, sizeof(got), &from);
    pid = start_program(_i, fd, "pass");
    close(fd);
    expect_exit(pid, 2);
    wire_receive(&out0, got, sizeof(got));
    wire_receive(&out0, got, sizeof(got));
    wire_expect_silence(&out0);
    ck_assert(port_free(PORT));
}
END_TEST

START_TEST(test_close_on_exec_closes)
{
    int fd = divert_ready();
    pid_t pid;

    fcntl(fd, F_SETFD, FD_CLOEXEC);
    pid = start_program(_i, fd, "closed");
    close(fd);
    expect_exit(pid, 0);
    ck_assert(port_free(PORT));
}
END_TEST

START_TEST(test_two_programs_share_a_socket)
{
    int fd = divert_ready();
    pid_t pid = start_program(0, fd, "pass");

    for (uint32_t i = 0; i < PACKETS; i++) {
        send_numbered(i);
        usleep(100);
    }
    ck_assert_int_ge(pass_all(fd), 0);
    ck_assert_int_ge(waitpid(pid, NULL, 0), 0);
    expect_each_once(PACKETS);
}
END_TEST

/* Read before exec and written after it: a verdict, since the packet is known. */
START_TEST(test_packet_is_known_after_exec)
{
    int fd = divert_ready();
    pid_t pid;

    send_numbered(0);
    divert_read(fd, got, sizeof(got), &from);
    ck_assert_uint_eq(queue_waiting(PORT), 1);
    pid = start_program(0, fd, "write");
    expect_exit(pid, 0);
    ck_assert_uint_eq(queue_waiting(PORT), 0);
    expect_each_once(1);
}
END_TEST

START_TEST(test_exec_that_fails_changes_nothing)
{
    int fd = divert_ready();
    pid_t pid;

    ck_assert_int_eq(execl("/nonexistent", "x", (char *)NULL), -1);
    ck_assert_int_eq(errno, ENOENT);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    pid = start_program(0, fd, "hidden");
    expect_exit(pid, 0);
    send_numbered(0);
    ck_assert_int_eq(pass_all(fd), 1);
}
END_TEST

START_TEST(test_spawned_program_inherits)
{
    int fd = divert_ready();
    char *argv[] = {"test", "pass", number, NULL};
    posix_spawn_file_actions_t actions;
    pid_t pid;

    snprintf(number, sizeof(number), "%d", fd);
    send_numbered(0);
    ck_assert_int_eq(posix_spawn(&pid, self, NULL, NULL, argv, environ), 0);
    expect_exit(pid, 1);
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, fd, 70);
    snprintf(number, sizeof(number), "70");
    for (uint32_t i = 1; i < 3; i++) {
        send_numbered(i);
        ck_assert_int_eq(posix_spawnp(&pid, self, &actions, NULL, argv, environ), 0);
        expect_exit(pid, 1);
    }
    expect_each_once(3);
    close(fd);
    ck_assert(port_free(PORT));
}
END_TEST

START_TEST(test_copied_in_a_child_of_vfork)
{
    int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_DIVERT);
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    pid_t pid;

    ck_assert_int_eq(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
    divert_incoming(PORT);
    send_numbered(0);
    pid = vfork();
    if (pid == 0) {
        dup2(fd, 70);
        execl(self, "test", "pass", "70", (char *)NULL);
        _exit(100);
    }
    expect_exit(pid, 1);
    expect_each_once(1);
}
END_TEST

START_TEST(test_variable_that_lies_is_not_believed)
{
    pid_t pid = fork();

    if (pid == 0) {
        setenv("DIVERTSHIM_INHERIT", "0:1:2:-1:-1,3:3:3:3:3,nonsense", 1);
        job = "variable";
        exec_execve();
        _exit(100);
    }
    expect_exit(pid, 0);
}
END_TEST

/* Descriptors that the program finds open, above those it knows. */
static int hidden_open(void)
{
    int found = 0;

    for (int fd = 500; fd < 20000; fd++)
        found += syscall(SYS_fcntl, fd, F_GETFD) >= 0;
    return found;
}

static int do_job(const char *what, int fd)
{
    if (strcmp(what, "pass") == 0)
        return getenv("DIVERTSHIM_INHERIT") ? 99 : pass_all(fd);
    if (strcmp(what, "closed") == 0)
        return fcntl(fd, F_GETFD) < 0 && hidden_open() == 0 ? 0 : 1;
    if (strcmp(what, "hidden") == 0)
        return hidden_open();
    if (strcmp(what, "variable") == 0)
        return getenv("DIVERTSHIM_INHERIT") || fcntl(0, F_GETFD) < 0 ? 1 : 0;
    from.sin_family = AF_INET;
    from.sin_addr.s_addr = htonl(0x0a010001);
    len = make_udp(packet, IN_PEER, 1111, OUT_PEER, 2222, 1, &(uint32_t){0}, 4);
    return sendto(fd, packet, len, 0, (struct sockaddr *)&from, sizeof(from)) == (ssize_t)len
               ? 0
               : errno;
}

/* A process that is killed in the middle of a call leaves the socket in order. */
START_TEST(test_killed_reader)
{
    int fd = divert_ready();

    for (int round = 0; round < 10; round++) {
        pid_t pid = fork();

        if (pid == 0) {
            for (;;)
                pass_all(fd);
        }
        for (uint32_t i = 0; i < 300; i++)
            send_numbered(i);
        kill(pid, SIGKILL);
        if (round % 2) /* the others are left, and still hold what they had when they died */
            waitpid(pid, NULL, 0);
    }
    pass_all(fd);
    ck_assert(divert_silent(fd));
    while (wait(NULL) > 0)
        ;
    close(fd);
    ck_assert(port_free(PORT));
}
END_TEST

int main(int argc, char *argv[])
{
    const TTest *const each_exec[] = {
        test_socket_is_inherited_over_exec,
        test_close_on_exec_closes,
    };
    const TTest *const tests[] = {
        test_parent_and_child_read_each_packet_once,
        test_prefork,
        test_read_here_and_written_there,
        test_last_close_frees_the_port,
        test_child_closes_what_the_parent_watches,
        test_child_waits_with_the_parents_epoll,
        test_daemon,
        test_child_of_vfork_harms_nothing,
        test_child_made_without_handlers,
        test_nothing_hidden_survives_exec,
        test_two_programs_share_a_socket,
        test_packet_is_known_after_exec,
        test_exec_that_fails_changes_nothing,
        test_spawned_program_inherits,
        test_copied_in_a_child_of_vfork,
        test_variable_that_lies_is_not_believed,
        test_killed_reader,
    };
    int failed;

    if (argc == 3)
        return do_job(argv[1], atoi(argv[2]));
    failed = run_suite("process", tests, sizeof(tests) / sizeof(tests[0]));
    return failed ? failed : run_suite_with("exec", each_exec, 2, EXECS);
}
