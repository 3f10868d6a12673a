/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Descriptors that are closed or copied inside the C library, not by the usual functions: stdio,
 * the names with underscores, and the file actions of posix_spawn(3).
 */
#include "make_packet.h"
#include "musl.h"
#include "numbered.h"
#include "stress.h"
#include "wire.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define ALL_NUMBERS 10000

extern char **environ;

static uint8_t got[2000];
static const char text[] = "an ordinary file";

/* The number belongs to an ordinary file: it can be written, read and seeked. */
static void expect_ordinary_file(int fd)
{
    char back[sizeof(text)] = "";
    struct stat st;

    ck_assert_int_eq(fstat(fd, &st), 0);
    ck_assert_msg(S_ISREG(st.st_mode), "expected descriptor %d to be a file, mode is %o", fd,
                  st.st_mode);
    ck_assert_int_eq(write(fd, text, sizeof(text)), sizeof(text));
    ck_assert_int_eq(lseek(fd, 0, SEEK_SET), 0);
    ck_assert_int_eq(read(fd, back, sizeof(back)), sizeof(text));
    ck_assert_str_eq(back, text);
    ck_assert_int_eq(read(fd, back, sizeof(back)), 0);
    ck_assert_int_eq(recv(fd, back, 1, MSG_DONTWAIT), -1);
    ck_assert_int_eq(errno, ENOTSOCK);
}

static int open_file(void)
{
    int fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

    ck_assert_int_ge(fd, 0);
    return fd;
}

static FILE *stream_on(int fd)
{
    FILE *f = fdopen(fd, "r+");

    ck_assert_ptr_nonnull(f);
    return f;
}

START_TEST(test_fclose_closes_the_socket)
{
    int fd = divert_ready();

    ck_assert_int_eq(fclose(stream_on(fd)), 0);
    ck_assert_int_eq(fcntl(fd, F_GETFD), -1);
    ck_assert_int_eq(open_file(), fd);
    expect_ordinary_file(fd);
    ck_assert(port_free(PORT));
}
END_TEST

START_TEST(test_fclose_leaves_a_copy)
{
    int fd = divert_ready(), copy = dup(fd);

    ck_assert_int_eq(fclose(stream_on(fd)), 0);
    ck_assert(!port_free(PORT));
    send_numbered(0);
    ck_assert_int_eq(pass_all(copy), 1);
    expect_each_once(1);
    close(copy);
    ck_assert(port_free(PORT));
}
END_TEST

START_TEST(test_fclose_of_standard_input)
{
    int fd = divert_ready();

    ck_assert_int_eq(dup2(fd, 0), 0);
    close(fd);
    ck_assert_int_eq(fclose(stdin), 0);
    ck_assert_int_eq(open_file(), 0);
    expect_ordinary_file(0);
    ck_assert(port_free(PORT));
}
END_TEST

/* A daemon that was started with the socket as its standard input, and goes to the background. */
START_TEST(test_freopen_of_standard_input)
{
    int fd = divert_ready();

    ck_assert_int_eq(dup2(fd, 0), 0);
    close(fd);
    ck_assert_ptr_nonnull(_i ? freopen64("/dev/null", "r", stdin)
                             : freopen("/dev/null", "r", stdin));
    ck_assert_int_eq(fileno(stdin), 0);
    ck_assert_int_eq(read(0, got, 1), 0);
    ck_assert(port_free(PORT));
}
END_TEST

START_TEST(test_freopen_of_a_stream)
{
    char path[] = "/tmp/divertshim-XXXXXX";
    int fd = divert_ready(), file = mkstemp(path);
    FILE *f;

    ck_assert_int_ge(file, 0);
    close(file);
    f = stream_on(fd);
    f = _i ? freopen64(path, "r+", f) : freopen(path, "r+", f);
    unlink(path);
    ck_assert_ptr_nonnull(f);
    expect_ordinary_file(fileno(f));
    ck_assert(port_free(PORT));
}
END_TEST

/* ---- other names in the C library ---- */

/* Converts an object pointer to a function pointer, for which ISO C has no cast. */
static void find_alias(void *slot, const char *name)
{
    void *symbol = dlsym(RTLD_DEFAULT, name);

    memcpy(slot, &symbol, sizeof(symbol));
}

static void alias_close(int fd)
{
    int (*call)(int);

    find_alias(&call, "__close");
    if (!call)
        return;
    ck_assert_int_eq(call(fd), 0);
    ck_assert_int_eq(open_file(), fd);
    expect_ordinary_file(fd);
    ck_assert(port_free(PORT));
}

static void alias_read(int fd)
{
    ssize_t (*call)(int, void *, size_t);

    find_alias(&call, "__read");
    if (!call)
        return;
    send_numbered(0);
    ck_assert_int_eq(call(fd, got, sizeof(got)), NUMBERED_LEN);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    ck_assert_int_eq(call(fd, got, sizeof(got)), -1);
    ck_assert_int_eq(errno, EAGAIN);
}

/* Expects the result of a write without an address, and the outgoing packet. */
static void expect_written(ssize_t result)
{
    ck_assert_int_eq(result, NUMBERED_LEN);
    wire_expect_with_any_id(&out0, got, NUMBERED_LEN);
}

static void alias_write(int fd)
{
    ssize_t (*call)(int, const void *, size_t);

    find_alias(&call, "__write");
    if (!call)
        return;
    make_small(got, 1);
    expect_written(call(fd, got, SMALL_PACKET));
}

static void alias_send(int fd)
{
    ssize_t (*call)(int, const void *, size_t, int);

    find_alias(&call, "__send");
    if (!call)
        return;
    make_small(got, 1);
    expect_written(call(fd, got, SMALL_PACKET, 0));
}

static void alias_poll(int fd)
{
    int (*call)(struct pollfd *, nfds_t, int);
    struct pollfd p = {.fd = fd, .events = POLLIN | POLLOUT};

    find_alias(&call, "__poll");
    if (!call)
        return;
    ck_assert_int_eq(call(&p, 1, SOON_MS), 1);
    ck_assert_int_eq(p.revents, POLLOUT);
    p.events = POLLIN;
    send_numbered(0);
    ck_assert_int_eq(call(&p, 1, SOON_MS), 1);
    ck_assert_int_eq(read(fd, got, sizeof(got)), NUMBERED_LEN);
    ck_assert_int_eq(call(&p, 1, 0), 0);
}

static void alias_select(int fd)
{
    int (*call)(int, fd_set *, fd_set *, fd_set *, struct timeval *);
    struct timeval soon = {.tv_sec = SOON_MS / 1000};
    fd_set r, w;

    find_alias(&call, "__select");
    if (!call)
        return;
    FD_ZERO(&r);
    FD_SET(fd, &r);
    w = r;
    ck_assert_int_eq(call(fd + 1, NULL, &w, NULL, &soon), 1);
    send_numbered(0);
    ck_assert_int_eq(call(fd + 1, &r, NULL, NULL, &soon), 1);
    ck_assert(FD_ISSET(fd, &r));
}

static void alias_connect(int fd)
{
    int (*call)(int, const struct sockaddr *, socklen_t);
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(PORT)};

    find_alias(&call, "__connect");
    if (!call)
        return;
    ck_assert_int_eq(call(fd, (struct sockaddr *)&sin, sizeof(sin)), -1);
    ck_assert_int_eq(errno, EOPNOTSUPP);
}

static void alias_dup2(int fd)
{
    int (*call)(int, int);
    int other;

    find_alias(&call, "__dup2");
    if (!call)
        return;
    ck_assert_int_eq(call(fd, 40), 40);
    close(fd);
    ck_assert(!port_free(PORT));
    send_numbered(0);
    ck_assert_int_eq(pass_all(40), 1);
    expect_each_once(1);
    other = open_file();
    ck_assert_int_eq(call(other, 40), 40);
    expect_ordinary_file(40);
    ck_assert(port_free(PORT));
}

static void alias_fcntl(int fd)
{
    int (*call)(int, int, ...);

    find_alias(&call, "__fcntl");
    if (!call)
        return;
    ck_assert_int_eq(call(fd, F_DUPFD, 40), 40);
    ck_assert_int_eq(call(40, F_SETFL, O_NONBLOCK), 0);
    ck_assert_int_eq(recv(fd, got, sizeof(got), 0), -1);
    ck_assert_int_eq(errno, EAGAIN);
    close(fd);
    send_numbered(0);
    ck_assert_int_eq(poll(&(struct pollfd){.fd = 40, .events = POLLIN}, 1, SOON_MS), 1);
    ck_assert_int_eq(read(40, got, sizeof(got)), NUMBERED_LEN);
}

static void alias_fork(int fd)
{
    pid_t (*call)(void), pid;

    find_alias(&call, "__fork");
    if (!call)
        return;
    pid = call();
    if (pid == 0)
        _exit(pass_all(fd) == 1 ? 0 : 1);
    send_numbered(0);
    ck_assert_int_eq(wait_for_child(pid), 0);
    expect_each_once(1);
    send_numbered(1);
    ck_assert_int_eq(pass_all(fd), 1);
}

static void (*const aliases[])(int fd) = {
    alias_close,  alias_read,    alias_write, alias_send,  alias_poll,
    alias_select, alias_connect, alias_dup2,  alias_fcntl, alias_fork,
};
#define ALIASES ((int)(sizeof(aliases) / sizeof(aliases[0])))

START_TEST(test_name_with_underscores)
{
    aliases[_i](divert_ready());
}
END_TEST

/* ---- the file actions of posix_spawn ---- */

static int errors[2]; /* a pipe: what the spawned program prints on standard error */

/* Runs this program with those arguments; returns its exit status. */
static int spawn(int way, posix_spawn_file_actions_t *actions, char *job, int number)
{
    char argument[16], *argv[] = {"test", job, argument, NULL};
    int err, status;
    pid_t pid = -1;

    snprintf(argument, sizeof(argument), "%d", number);
    err = (way ? posix_spawnp : posix_spawn)(&pid, "/proc/self/exe", actions, NULL, argv, environ);
    ck_assert_msg(err == 0, "expected posix_spawn to work: %s", strerror(err));
    posix_spawn_file_actions_destroy(actions);
    status = wait_for_child(pid);
    ck_assert_msg(WIFEXITED(status), "expected the program to end by itself, status 0x%x", status);
    return WEXITSTATUS(status);
}

/* Makes file actions whose first one gives the test the standard error. */
static void begin_actions(posix_spawn_file_actions_t *actions)
{
    ck_assert_int_eq(pipe2(errors, O_CLOEXEC), 0);
    posix_spawn_file_actions_init(actions);
    ck_assert_int_eq(posix_spawn_file_actions_adddup2(actions, errors[1], 2), 0);
}

static void expect_no_message(void)
{
    char message[1000] = "";

    close(errors[1]);
    ck_assert_msg(read(errors[0], message, sizeof(message) - 1) == 0,
                  "expected nothing on standard error, got: %s", message);
    close(errors[0]);
}

static void expect_parent_goes_on(int fd, uint32_t number)
{
    send_numbered(number);
    ck_assert_int_eq(pass_all(fd), 1);
    ck_assert_uint_eq(wire_receive(&out0, got, sizeof(got)), NUMBERED_LEN);
    wire_expect_silence(&out0);
    close(fd);
    ck_assert(port_free(PORT));
}

/* The number of descriptors to close: the kernel refuses numbers above the limit. */
static int numbers(void)
{
    struct rlimit limit;

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur < ALL_NUMBERS ? (int)limit.rlim_cur : ALL_NUMBERS;
}

START_TEST(test_spawned_with_the_socket_as_standard_input)
{
    int fd = divert_ready();
    posix_spawn_file_actions_t actions;

    fcntl(fd, F_SETFD, FD_CLOEXEC);
    begin_actions(&actions);
    ck_assert_int_eq(posix_spawn_file_actions_adddup2(&actions, fd, 0), 0);
    send_numbered(0);
    ck_assert_int_eq(spawn(_i, &actions, "pass", 0), 1);
    expect_no_message();
    expect_each_once(1);
    expect_parent_goes_on(fd, 1);
}
END_TEST

START_TEST(test_spawned_with_the_socket_closed)
{
    int fd = divert_ready();
    posix_spawn_file_actions_t actions;

    begin_actions(&actions);
    ck_assert_int_eq(posix_spawn_file_actions_addclose(&actions, fd), 0);
    ck_assert_int_eq(spawn(_i, &actions, "closed", fd), 0);
    expect_no_message();
    expect_parent_goes_on(fd, 0);
}
END_TEST

START_TEST(test_spawned_with_every_number_closed)
{
    int fd = divert_ready(), max = numbers();
    posix_spawn_file_actions_t actions;

    begin_actions(&actions);
    for (int i = 3; i < max; i++)
        ck_assert_int_eq(posix_spawn_file_actions_addclose(&actions, i), 0);
    ck_assert_int_eq(spawn(_i, &actions, "closed", fd), 0);
    expect_no_message();
    expect_parent_goes_on(fd, 0);
}
END_TEST

START_TEST(test_spawned_with_every_other_number_closed)
{
    int fd = divert_ready(), max = numbers();
    posix_spawn_file_actions_t actions;

    begin_actions(&actions);
    ck_assert_int_eq(posix_spawn_file_actions_adddup2(&actions, fd, 0), 0);
    for (int i = 3; i < max; i++)
        ck_assert_int_eq(posix_spawn_file_actions_addclose(&actions, i), 0);
    send_numbered(0);
    ck_assert_int_eq(spawn(_i, &actions, "pass", 0), 1);
    expect_no_message();
    expect_each_once(1);
    expect_parent_goes_on(fd, 1);
}
END_TEST

START_TEST(test_spawned_with_closefrom)
{
    int fd = divert_ready();
    posix_spawn_file_actions_t actions;

    begin_actions(&actions);
    ck_assert_int_eq(posix_spawn_file_actions_adddup2(&actions, fd, 0), 0);
    ck_assert_int_eq(posix_spawn_file_actions_addclosefrom_np(&actions, 3), 0);
    send_numbered(0);
    ck_assert_int_eq(spawn(_i, &actions, "pass", 0), 1);
    expect_no_message();
    expect_each_once(1);
    expect_parent_goes_on(fd, 1);
}
END_TEST

START_TEST(test_spawned_with_a_file_in_its_place)
{
    int fd = divert_ready();
    posix_spawn_file_actions_t actions;

    begin_actions(&actions);
    ck_assert_int_eq(posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDONLY, 0), 0);
    ck_assert_int_eq(spawn(_i, &actions, "null", fd), 0);
    expect_no_message();
    expect_parent_goes_on(fd, 0);
}
END_TEST

static int do_job(const char *job, int fd)
{
    struct stat st;

    if (strcmp(job, "pass") == 0)
        return pass_all(fd);
    if (strcmp(job, "closed") == 0)
        return fcntl(fd, F_GETFD) == -1 && errno == EBADF ? 0 : 1;
    return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && read(fd, got, 1) == 0 ? 0 : 1;
}

int main(int argc, char *argv[])
{
    const TTest *const tests[] = {
        test_fclose_closes_the_socket,
        test_fclose_leaves_a_copy,
        test_fclose_of_standard_input,
    };
    const TTest *const reopening[] = {
        test_freopen_of_standard_input,
        test_freopen_of_a_stream,
    };
    const TTest *const spawning[] = {
        test_spawned_with_the_socket_as_standard_input,
        test_spawned_with_the_socket_closed,
        test_spawned_with_every_number_closed,
        test_spawned_with_every_other_number_closed,
        test_spawned_with_closefrom,
        test_spawned_with_a_file_in_its_place,
    };
    const TTest *const each_alias[] = {test_name_with_underscores};
    int failed;

    if (argc == 3)
        return do_job(argv[1], atoi(argv[2]));
    failed = run_suite("given away", tests, sizeof(tests) / sizeof(tests[0]));
    failed |= run_suite_with("freopen", reopening, 2, 2);
    failed |= run_suite_with("aliases", each_alias, 1, ALIASES);
    failed |= run_suite_with("posix_spawn", spawning, sizeof(spawning) / sizeof(spawning[0]), 2);
    return failed;
}
