/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Divert sockets before main() and after exit(), in other libraries and beside them. The program
 * starts itself again for each case, with the libraries in question.
 */
#include "make_packet.h"
#include "wire.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static uint8_t packet[2000], got[2000];
static size_t len;

static void send_one(void)
{
    len = make_udp(packet, IN_PEER, 1111, OUT_PEER, 2222, 77, "x", 1);
    wire_send(&in0, packet, len);
}

/* Starts a program with environment variables such as "LD_PRELOAD=a:b PLUGIN_PORT=8000". */
static pid_t start(const char *environment, const char *program, const char *job)
{
    char command[1024];
    pid_t pid = fork();

    if (pid == 0) {
        snprintf(command, sizeof(command), "exec env %s %s %s", environment, program, job);
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(100);
    }
    return pid;
}

static void expect_exit(pid_t pid, int expected)
{
    int status = -1;

    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_msg(status == expected << 8, "expected exit status %d, got 0x%x", expected, status);
}

static bool port_free(int port)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = divert_socket(), result = bind(fd, (struct sockaddr *)&sin, sizeof(sin));

    close(fd);
    return result == 0;
}

/* Sends packets until the started program ends, which it does when it has read one. */
static void expect_packet_passes(pid_t pid)
{
    int status = -1;

    divert_incoming(PORT);
    for (int i = 0; i < 1000 && waitpid(pid, &status, WNOHANG) == 0; i++) {
        send_one();
        usleep(10000);
    }
    ck_assert_msg(status == 0, "expected exit status 0, got 0x%x", status);
    wire_expect(&out0, packet, len);
    ck_assert(port_free(PORT));
}

static char program[512];

START_TEST(test_constructor_of_another_library)
{
    char environment[600];

    snprintf(environment, sizeof(environment), "LD_PRELOAD=%s:%s PLUGIN_PORT=%d", SHIM, PLUGIN,
             PORT);
    expect_packet_passes(start(environment, program, "plugin-fd"));
    snprintf(environment, sizeof(environment), "LD_PRELOAD=%s:%s PLUGIN_PORT=%d", PLUGIN, SHIM,
             PORT);
    run("iptables -t raw -F");
    expect_packet_passes(start(environment, program, "plugin-fd"));
}
END_TEST

START_TEST(test_other_wrappers_in_either_order)
{
    char environment[600];

    snprintf(environment, sizeof(environment), "LD_PRELOAD=%s:%s", SHIM, WRAPPER);
    expect_packet_passes(start(environment, program, "wrapped"));
    run("iptables -t raw -F");
    snprintf(environment, sizeof(environment), "LD_PRELOAD=%s:%s", WRAPPER, SHIM);
    expect_packet_passes(start(environment, program, "wrapped"));
}
END_TEST

START_TEST(test_plugin_that_comes_and_goes)
{
    expect_packet_passes(start("LD_PRELOAD=" SHIM, program, "plugin"));
}
END_TEST

START_TEST(test_exit_handlers)
{
    expect_packet_passes(start("LD_PRELOAD=" SHIM, program, "atexit"));
}
END_TEST

START_TEST(test_signal_handlers)
{
    expect_packet_passes(start("LD_PRELOAD=" SHIM, program, "signal"));
}
END_TEST

START_TEST(test_linked_instead_of_preloaded)
{
    expect_packet_passes(start("LD_PRELOAD=", LINKED, "pass"));
}
END_TEST

START_TEST(test_opened_late_it_does_no_harm)
{
    expect_exit(start("LD_PRELOAD=", program, "dlopen"), 0);
}
END_TEST

START_TEST(test_symbols_of_older_libraries)
{
    expect_packet_passes(start("LD_PRELOAD=" SHIM, program, "symbols"));
}
END_TEST

/* ---- what the started program does ---- */

static int bound(void)
{
    struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    int fd = socket(AF_INET, SOCK_RAW, IPPROTO_DIVERT);

    if (fd < 0 || bind(fd, (struct sockaddr *)&sin, sizeof(sin)) < 0)
        _exit(40);
    return fd;
}

/* Passes one packet on, and closes the socket. */
static int pass_one(int fd)
{
    struct sockaddr_in from;
    socklen_t size = sizeof(from);
    ssize_t n = recvfrom(fd, got, sizeof(got), 0, (struct sockaddr *)&from, &size);

    if (n <= 0 || sendto(fd, got, (size_t)n, 0, (struct sockaddr *)&from, size) != n)
        return 41;
    return 0;
}

static int job_plugin_fd(void)
{
    const int *fd = dlsym(RTLD_DEFAULT, "plugin_divert_fd");

    return fd && *fd >= 0 ? pass_one(*fd) : 42;
}

static int job_wrapped(void)
{
    const int *reads = dlsym(RTLD_DEFAULT, "plugin_reads");
    int fd = bound(), null = open("/dev/zero", O_RDONLY), before;
    ssize_t n = read(fd, got, sizeof(got));
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x0a010001)};

    if (n <= 0 || sendto(fd, got, (size_t)n, 0, (struct sockaddr *)&from, sizeof(from)) != n)
        return 43;
    before = *reads;
    if (read(null, got, 1) != 1 || *reads != before + 1 || close(null) < 0 || close(fd) < 0)
        return 44;
    return 0;
}

static int job_plugin(void)
{
    for (int i = 0; i < 5; i++) {
        void *plugin = dlopen(PLUGIN, RTLD_NOW | RTLD_LOCAL);
        int (*open_port)(int) = plugin ? (int (*)(int))dlsym(plugin, "plugin_open") : NULL;
        int fd = open_port ? open_port(PORT) : -1;

        if (fd < 0 || pass_one(fd) || close(fd) < 0 || dlclose(plugin) < 0)
            return 45;
    }
    return 0;
}

static int late_fd;

static void pass_at_exit(void)
{
    if (pass_one(late_fd))
        _exit(46);
}

static int job_atexit(void)
{
    atexit(pass_at_exit);
    late_fd = bound();
    return 0;
}

static volatile sig_atomic_t passed;

static void pass_in_handler(int sig)
{
    (void)sig;
    if (pass_one(late_fd) == 0)
        passed = 1;
}

static int job_signal(void)
{
    late_fd = bound();
    fcntl(late_fd, F_SETFL, O_NONBLOCK);
    signal(SIGALRM, pass_in_handler);
    for (int i = 0; i < 1000 && !passed; i++) {
        raise(SIGALRM);
        usleep(10000);
    }
    return passed ? 0 : 47;
}

static int job_pass(void)
{
    return pass_one(bound());
}

/* musl opens no library late whose thread-local variables lie beside the program's. */
#ifdef __GLIBC__
#define OPENS_LATE true
#else
#define OPENS_LATE false
#endif

static int job_dlopen(void)
{
    bool opened = dlopen(SHIM, RTLD_NOW | RTLD_GLOBAL);
    int pipes[2];

    if (opened != OPENS_LATE || pipe(pipes) < 0 || write(pipes[1], "x", 1) != 1 ||
        read(pipes[0], got, 1) != 1 || close(pipes[0]) < 0)
        return 48;
    return 0;
}

/* The number of struct stat, which differs between machines: the one that libc takes for a file. */
static int structure_of(int (*call)(int, int, void *))
{
    char st[512];
    int version = 0;

    while (version < 4 && call(version, 0, st) < 0)
        version++;
    return version;
}

/* The symbols that a program built with an older C library uses. */
static int job_symbols(void)
{
    int (*old_fcntl)(int, int, ...) = (int (*)(int, int, ...))dlsym(RTLD_DEFAULT, "fcntl");
    int (*old_stat)(int, int, void *) = (int (*)(int, int, void *))dlsym(RTLD_DEFAULT, "__fxstat");
    int (*old_stat64)(int, int, void *) =
        (int (*)(int, int, void *))dlsym(RTLD_DEFAULT, "__fxstat64");
    int fd = bound(), copy;
    char st[512];

    if (!old_fcntl || !old_stat || !old_stat64 || old_stat(structure_of(old_stat), fd, st) < 0 ||
        old_stat64(structure_of(old_stat64), fd, st) < 0)
        return 49;
    copy = old_fcntl(fd, F_DUPFD, 30);
    return copy < 0 || close(fd) < 0 ? 49 : pass_one(copy);
}

static const struct {
    const char *name;
    int (*run)(void);
} jobs[] = {
    {"plugin-fd", job_plugin_fd}, {"wrapped", job_wrapped}, {"plugin", job_plugin},
    {"atexit", job_atexit},       {"signal", job_signal},   {"pass", job_pass},
    {"dlopen", job_dlopen},       {"symbols", job_symbols},
};

int main(int argc, char *argv[])
{
    const TTest *const tests[] = {
        test_constructor_of_another_library,
        test_other_wrappers_in_either_order,
        test_plugin_that_comes_and_goes,
        test_exit_handlers,
        test_signal_handlers,
        test_linked_instead_of_preloaded,
        test_opened_late_it_does_no_harm,
        test_symbols_of_older_libraries,
    };

    for (size_t i = 0; argc == 2 && i < sizeof(jobs) / sizeof(jobs[0]); i++) {
        if (strcmp(argv[1], jobs[i].name) == 0)
            return jobs[i].run();
    }
    if (readlink("/proc/self/exe", program, sizeof(program) - 1) < 0)
        return 1;
    return run_suite("start", tests, sizeof(tests) / sizeof(tests[0]));
}
