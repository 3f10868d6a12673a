/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs the command, and waits until its last descendant has ended. */
#include "run.h"

#include "events/events.h"
#include "group.h"
#include "guard.h"
#include "unbound.h"
#include "unshimmed.h"
#include "util/message.h"
#include "util/text.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LOOK_MS 1000

static struct {
    pid_t pid;
    bool ended;
    int status; /* as of wait(2) */
} command;

static sigset_t original_mask, watched;
static int signals; /* a descriptor that is readable while one of these is pending */
static unsigned unshimmed_before;
static struct sigaction original_sigchld;

/* While SIGCHLD is ignored, the kernel discards the exit statuses of children. */
void run_wait_for_children(void)
{
    const struct sigaction standard = {.sa_handler = SIG_DFL};

    sigaction(SIGCHLD, &standard, &original_sigchld);
}

/* All signals are blocked, because any that ended divert-run would leave its rules behind. */
void run_block_signals(void)
{
    sigfillset(&watched);
    sigprocmask(SIG_BLOCK, &watched, &original_mask);
}

/* Waits until the witness has started: before, signals to the group cannot be told from others. */
static void exec_command(const char *path, char *const argv[], const int ends[2])
{
    int parent = ends[1], error;
    char go;

    close(ends[0]); /* or the parent's end would not be noticed */
    if (read(parent, &go, 1) != 1)
        _exit(STATUS_FAILED);
    sigaction(SIGCHLD, &original_sigchld, NULL);
    sigprocmask(SIG_SETMASK, &original_mask, NULL);
    execvp(path, argv); /* PATH has a slash; a script without #! gets the shell */
    error = errno;
    (void)!write(parent, &error, sizeof(error));
    _exit(STATUS_NOT_EXECUTABLE);
}

/* 0, or the errno of exec. The socket closes without data when exec succeeds. */
static int let_command_start(int fd)
{
    int error = 0;
    ssize_t len;

    if (send(fd, "", 1, MSG_NOSIGNAL) < 0)
        return errno;
    do
        len = read(fd, &error, sizeof(error));
    while (len < 0 && errno == EINTR);
    return len == sizeof(error) ? error : 0;
}

static int start_command(const char *path, char *const argv[])
{
    struct text with_slash = {0};
    int ends[2], error;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
        return errno;
    text_add(&with_slash, "%s%s", strchr(path, '/') ? "" : "./", path);
    command.pid = fork();
    if (command.pid == 0)
        exec_command(text_str(&with_slash), argv, ends);
    error = command.pid < 0 ? errno : 0;
    text_free(&with_slash);
    close(ends[1]);
    if (!error) {
        group_watch(argv);
        error = let_command_start(ends[0]);
    }
    close(ends[0]);
    if (error && command.pid > 0)
        waitpid(command.pid, NULL, 0);
    return error;
}

/* False: no child is left. As this process is a subreaper, no descendant is left either. */
static bool reap_children(void)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid != command.pid)
            continue;
        command.ended = true;
        command.status = status;
    }
    return !(pid < 0 && errno == ECHILD);
}

static pid_t parent_pid(const char *pid)
{
    char path[64], line[512], *end;
    int parent = -1;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%.20s/stat", pid);
    file = fopen(path, "re");
    if (!file)
        return -1;
    end = fgets(line, sizeof(line), file) ? strrchr(line, ')') : NULL;
    fclose(file);
    return end && sscanf(end + 1, " %*c %d", &parent) == 1 ? parent : -1;
}

/* No process gets a signal twice: members of the group have got what the whole group got. */
static void signal_process(pid_t pid, int sig, bool group)
{
    if (!group || !group_includes(pid))
        kill(pid, sig);
}

/* Signals the processes that the command left running: its orphans, which are our children now. */
static void signal_children(int sig, bool group)
{
    DIR *proc = opendir("/proc");
    struct dirent *entry;

    while (proc && (entry = readdir(proc))) {
        pid_t pid = atoi(entry->d_name);

        if (isdigit((unsigned char)entry->d_name[0]) && pid != group_witness() &&
            parent_pid(entry->d_name) == getpid())
            signal_process(pid, sig, group);
    }
    if (proc)
        closedir(proc);
}

/* A signal that this process caused itself, such as SIGPIPE at a message. */
static bool is_own_signal(const siginfo_t *info)
{
    return info->si_signo == SIGCHLD || info->si_pid == getpid();
}

/*
 * Stops with the rest of the job, so that the shell sees it stop and continues all of it. The
 * signal's own action does that, because it stops nothing where no shell could continue it.
 */
static void stop_with_group(int sig)
{
    sigset_t one, pending;

    sigpending(&pending);
    if (sigismember(&pending, SIGCONT))
        return;
    sigemptyset(&one);
    sigaddset(&one, sig);
    raise(sig);
    sigprocmask(SIG_UNBLOCK, &one, NULL);
    sigprocmask(SIG_BLOCK, &one, NULL);
}

static void pass_signal_on(const siginfo_t *info, uint64_t before)
{
    int sig = info->si_signo;
    bool group = group_got(info, before);

    if (command.ended)
        signal_children(sig, group);
    else
        signal_process(command.pid, sig, group);
    if (group && (sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU))
        stop_with_group(sig);
}

/*
 * Warns if a divert socket was opened without the library. Looks once a second, in the first
 * seconds only.
 */
static void look_for_unshimmed(int *looks)
{
    if (!*looks)
        return;
    if (unshimmed_sockets() <= unshimmed_before) {
        --*looks;
        return;
    }
    *looks = 0;
    message_warning(
        "a program opened a divert socket without the library and will receive nothing; "
        "'ss -wp' shows its name");
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Waits for a signal, and handles events meanwhile. False: none came in that time. */
static bool signal_comes(int milliseconds)
{
    struct pollfd any[2] = {{.fd = signals, .events = POLLIN},
                            {.fd = events_fd(), .events = POLLIN}};
    int64_t until = now_ms() + milliseconds;
    int left = milliseconds;

    while (poll(any, 2, left) > 0 && !any[0].revents) {
        events_handle();
        if (milliseconds >= 0)
            left = now_ms() < until ? (int)(until - now_ms()) : 0;
        if (milliseconds >= 0 && !left)
            return false;
    }
    return any[0].revents;
}

/* Takes a signal. *group: those that the group had before. -1: none came in that time. */
static int take_signal(int milliseconds, siginfo_t *info, uint64_t *group)
{
    static const struct timespec at_once;

    if (!signal_comes(milliseconds))
        return -1;
    *group = group_pending();
    return sigtimedwait(&watched, info, &at_once) < 0 ? 0 : info->si_signo;
}

static void wait_for_descendants(void)
{
    int looks = 10;
    uint64_t group;
    siginfo_t info;

    while (reap_children()) {
        int sig = take_signal(looks || guard_watches() ? LOOK_MS : -1, &info, &group);

        if (sig < 0) {
            look_for_unshimmed(&looks);
            unbound_look();
            guard_look();
        } else if (sig > 0 && !is_own_signal(&info)) {
            pass_signal_on(&info, group);
        } else if (sig == SIGCHLD && command.ended) {
            message_note("waiting for what the command left running");
        }
    }
}

static int report_start_error(const char *name, int error, int status)
{
    message_error("%s: %s", name, strerror(error));
    return status;
}

static void end_watching(void)
{
    group_watch_end();
    close(signals);
}

int run_start(const char *path, char *const argv[])
{
    int error;

    unshimmed_before = unshimmed_sockets();
    signals = signalfd(-1, &watched, SFD_CLOEXEC);
    if (signals < 0)
        return report_start_error("signalfd", errno, STATUS_FAILED);
    if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
        message_warning("divert-run will not wait for daemons: %s", strerror(errno));
    error = start_command(path, argv);
    if (!error)
        return 0;
    end_watching();
    return report_start_error(argv[0], error,
                              error == ENOENT   ? STATUS_NOT_FOUND
                              : command.pid < 0 ? STATUS_FAILED
                                                : STATUS_NOT_EXECUTABLE);
}

int run_wait(void)
{
    wait_for_descendants();
    end_watching();
    return WIFSIGNALED(command.status) ? 128 + WTERMSIG(command.status)
                                       : WEXITSTATUS(command.status);
}
