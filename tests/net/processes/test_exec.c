/* SPDX-License-Identifier: BSD-2-Clause */
/* Divert sockets that are inherited over exec(3) and posix_spawn(3), or are not. */
#include "make_packet.h"
#include "numbered.h"
#include "sandbox.h"
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static uint8_t packet[2000], got[2000];
static size_t len;
static struct sockaddr_in from;

START_TEST(test_no_private_descriptor_survives_exec)
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
 * Programs that inherit a divert socket: this one, started again with the descriptor's number and
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

/* Read before exec and written after it: accepted by a verdict, since the packet is known. */
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
    pid = start_program(0, fd, "private");
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

/* A machine that was just booted has none yet. */
START_TEST(test_two_sockets_are_told_apart_without_random_numbers)
{
    int other, fd;
    pid_t pid;

    forbid_call(SYS_getrandom, EAGAIN);
    other = divert_socket();
    fd = divert_ready();
    send_numbered(0);
    pid = start_program(0, fd, "pass");
    close(fd);
    close(other);
    expect_exit(pid, 1);
    expect_each_once(1);
}
END_TEST

START_TEST(test_invalid_inherit_variable_is_ignored)
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

/* The number of open descriptors above those that the program knows. */
static int private_open(void)
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
        return fcntl(fd, F_GETFD) < 0 && private_open() == 0 ? 0 : 1;
    if (strcmp(what, "private") == 0)
        return private_open();
    if (strcmp(what, "variable") == 0)
        return getenv("DIVERTSHIM_INHERIT") || fcntl(0, F_GETFD) < 0 ? 1 : 0;
    from.sin_family = AF_INET;
    from.sin_addr.s_addr = htonl(0x0a010001);
    len = make_udp(packet, IN_PEER, 1111, OUT_PEER, 2222, 1, &(uint32_t){0}, 4);
    return sendto(fd, packet, len, 0, (struct sockaddr *)&from, sizeof(from)) == (ssize_t)len
               ? 0
               : errno;
}

int main(int argc, char *argv[])
{
    const TTest *const each_exec[] = {
        test_socket_is_inherited_over_exec,
        test_close_on_exec_closes,
    };
    const TTest *const tests[] = {
        test_no_private_descriptor_survives_exec,
        test_two_programs_share_a_socket,
        test_packet_is_known_after_exec,
        test_exec_that_fails_changes_nothing,
        test_spawned_program_inherits,
        test_copied_in_a_child_of_vfork,
        test_invalid_inherit_variable_is_ignored,
        test_two_sockets_are_told_apart_without_random_numbers,
    };
    int failed;

    if (argc == 3)
        return do_job(argv[1], atoi(argv[2]));
    failed = run_suite("exec", tests, sizeof(tests) / sizeof(tests[0]));
    return failed ? failed : run_suite_with("each exec", each_exec, 2, EXECS);
}
