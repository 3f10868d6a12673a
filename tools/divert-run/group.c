/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The witness. siginfo is the same for kill(2) of one process and of a group, and whether the
 * command has received a signal cannot be seen from outside. A process group for the command would
 * cut it off from the terminal and from the rest of a pipeline. So a second member of the group
 * tells: kill(2) signals the newest member first, so when this process gets a signal of the group,
 * the witness has it already.
 */
#include "group.h"

#include "common/libc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WITNESS_NAME "divert-witness"
#define ANSWER_MS    2000 /* if it has not answered by then, it is stopped or dead */
#define MOMENT_NS    100000000

static struct {
    pid_t pid;
    int fd;      /* to ask it */
    int status;  /* descriptor of /proc/PID/status */
    char *title; /* the memory of main's argv, which is what ps(1) and pkill(1) read */
    size_t title_size;
} witness;

static bool take_pending(int sig)
{
    static const struct timespec at_once;
    sigset_t one;

    sigemptyset(&one);
    sigaddset(&one, sig);
    return sigtimedwait(&one, NULL, &at_once) > 0;
}

/* It must keep nothing open, and not match when somebody looks for divert-run by name. */
static _Noreturn void serve_as_witness(int fd)
{
    unsigned char byte;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NAME, WITNESS_NAME);
    memset(witness.title, 0, witness.title_size);
    memcpy(witness.title, WITNESS_NAME,
           witness.title_size < strlen(WITNESS_NAME) ? witness.title_size : strlen(WITNESS_NAME));
    dup2(fd, 0);
    libc_close_range(1, ~0U, 0);
    while (read(0, &byte, 1) == 1) {
        byte = take_pending(byte);
        if (send(0, &byte, 1, MSG_NOSIGNAL) != 1)
            break;
    }
    _exit(0);
}

static int open_witness_status(void)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/status", (int)witness.pid);
    return open(path, O_RDONLY | O_CLOEXEC);
}

/*
 * Without an exit signal, unlike fork(2), so that waitpid(2) reports the command's processes only.
 */
static void start_witness(void)
{
    int fds[2];
    long pid;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
        return;
    pid = syscall(SYS_clone, 0L, 0L, 0L, 0L, 0L);
    if (pid == 0)
        serve_as_witness(fds[1]);
    close(fds[1]);
    if (pid < 0) {
        close(fds[0]);
        return;
    }
    witness.pid = (pid_t)pid;
    witness.fd = fds[0];
    witness.status = open_witness_status();
}

void group_watch(char *const command[])
{
    const char *last = program_invocation_name;

    while (*command)
        last = *command++;
    witness.title = program_invocation_name;
    witness.title_size = (size_t)(last + strlen(last) - witness.title);
    start_witness();
}

void group_watch_end(void)
{
    if (witness.pid <= 0)
        return;
    kill(witness.pid, SIGKILL);
    while (waitpid(witness.pid, NULL, __WCLONE) < 0 && errno == EINTR)
        ;
    close(witness.fd);
    if (witness.status >= 0)
        close(witness.status);
    witness.pid = 0;
}

pid_t group_witness(void)
{
    return witness.pid;
}

/*
 * Read by one call, because time counts: a signal that comes between this and taking another one of
 * its kind is merged with it.
 */
uint64_t group_pending(void)
{
    static const char field[] = "\nShdPnd:";
    static char text[8192];
    ssize_t len = witness.pid > 0 ? pread(witness.status, text, sizeof(text) - 1, 0) : -1;
    const char *at;

    text[len > 0 ? len : 0] = '\0';
    at = strstr(text, field);
    return at ? strtoull(at + strlen(field), NULL, 16) : 0;
}

/* Asks the witness whether it has the signal, and removes it there. */
static bool ask_witness(int sig)
{
    struct pollfd answer = {.fd = witness.fd, .events = POLLIN};
    unsigned char byte = (unsigned char)sig;

    if (witness.pid > 0 && send(witness.fd, &byte, 1, MSG_NOSIGNAL) == 1 &&
        poll(&answer, 1, ANSWER_MS) == 1 && read(witness.fd, &byte, 1) == 1)
        return byte;
    group_watch_end();
    start_witness();
    return false;
}

/*
 * A sender that signals a group one by one, as service managers do, may reach the witness last;
 * timeout(1) signals its child first and then the group. Real-time signals are queued, so they are
 * not merged.
 */
static void wait_for_others(int sig)
{
    static const struct timespec moment = {.tv_nsec = MOMENT_NS};
    sigset_t one;

    sigemptyset(&one);
    sigaddset(&one, sig);
    if (sig < SIGRTMIN)
        sigtimedwait(&one, NULL, &moment);
}

bool group_got(const siginfo_t *info, uint64_t before)
{
    int sig = info->si_signo;

    if (witness.pid <= 0)
        return info->si_code > 0; /* the kernel's: the terminal signals groups */
    if (!(before >> (sig - 1) & 1))
        wait_for_others(sig);
    return ask_witness(sig);
}

bool group_includes(pid_t pid)
{
    return getpgid(pid) == getpgrp();
}
