/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs the command, and waits until its last descendant has ended. */
#include "run.h"

#include "unshimmed.h"
#include "util/message.h"
#include "util/text.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct command {
    pid_t pid;
    bool ended;
    int status; /* as of wait(2) */
};

static sigset_t original_mask, watched;
static struct sigaction original_sigchld;

/* While SIGCHLD is ignored, the kernel throws the statuses of children away. */
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

static void exec_command(const char *path, char *const argv[], int report)
{
    int error;

    sigaction(SIGCHLD, &original_sigchld, NULL);
    sigprocmask(SIG_SETMASK, &original_mask, NULL);
    execvp(path, argv); /* PATH has a slash; a script without #! gets the shell */
    error = errno;
    (void)!write(report, &error, sizeof(error));
    _exit(STATUS_NOT_EXECUTABLE);
}

/* 0, or the errno of exec. The pipe closes without data when exec succeeds. */
static int read_exec_error(int fd)
{
    int error = 0;
    ssize_t len;

    do
        len = read(fd, &error, sizeof(error));
    while (len < 0 && errno == EINTR);
    return len == sizeof(error) ? error : 0;
}

static int start_command(struct command *command, const char *path, char *const argv[])
{
    struct text with_slash = {0};
    int pipes[2], error;

    if (pipe2(pipes, O_CLOEXEC) < 0)
        return errno;
    text_add(&with_slash, "%s%s", strchr(path, '/') ? "" : "./", path);
    command->pid = fork();
    if (command->pid == 0)
        exec_command(text_str(&with_slash), argv, pipes[1]);
    error = command->pid < 0 ? errno : 0;
    text_free(&with_slash);
    close(pipes[1]);
    if (!error)
        error = read_exec_error(pipes[0]);
    close(pipes[0]);
    if (error && command->pid > 0)
        waitpid(command->pid, NULL, 0);
    return error;
}

/* False: no child is left. As this process is a subreaper, no descendant is left either. */
static bool reap_children(struct command *command)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        if (pid != command->pid)
            continue;
        command->ended = true;
        command->status = status;
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

/* Signals the daemons: orphans of the command, which are our children now. */
static void signal_children(int sig)
{
    DIR *proc = opendir("/proc");
    struct dirent *entry;

    while (proc && (entry = readdir(proc))) {
        if (isdigit((unsigned char)entry->d_name[0]) && parent_pid(entry->d_name) == getpid())
            kill(atoi(entry->d_name), sig);
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
 * The terminal sends its signals to the command as well, so only signals sent by kill(2) are passed
 * on. Daemons have left the terminal; once the command has ended they get all signals.
 */
static void pass_signal_on(const struct command *command, const siginfo_t *info)
{
    bool from_process = info->si_code <= 0;

    if (!command->ended && from_process)
        kill(command->pid, info->si_signo);
    if (command->ended)
        signal_children(info->si_signo);
    if (info->si_signo == SIGTSTP && !from_process)
        raise(SIGSTOP); /* stop with the command; the shell continues both */
}

/* Warns if a divert socket was opened without the library. Called once a second in the first
 * seconds. */
static void look_for_unshimmed(unsigned before, int *looks)
{
    if (unshimmed_sockets() <= before) {
        --*looks;
        return;
    }
    *looks = 0;
    message_warning(
        "a program here opened a divert socket without the library, and will not receive "
        "anything; see 'ss -wp' for its name");
}

static void wait_for_descendants(struct command *command, unsigned before)
{
    static const struct timespec second = {.tv_sec = 1};
    int looks = 10;
    siginfo_t info;

    while (reap_children(command)) {
        if (sigtimedwait(&watched, &info, looks ? &second : NULL) < 0) {
            if (errno == EAGAIN)
                look_for_unshimmed(before, &looks);
            continue;
        }
        if (!is_own_signal(&info))
            pass_signal_on(command, &info);
        else if (info.si_signo == SIGCHLD && command->ended)
            message_note("waiting for what the command left running");
    }
}

int run_command(const char *path, char *const argv[])
{
    struct command command = {0};
    unsigned before = unshimmed_sockets();
    int error;

    if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
        message_warning("daemons will not be waited for: %s", strerror(errno));
    error = start_command(&command, path, argv);
    if (error) {
        message_error("%s: %s", argv[0], strerror(error));
        return error == ENOENT   ? STATUS_NOT_FOUND
               : command.pid < 0 ? STATUS_FAILED
                                 : STATUS_NOT_EXECUTABLE;
    }
    wait_for_descendants(&command, before);
    return WIFSIGNALED(command.status) ? 128 + WTERMSIG(command.status)
                                       : WEXITSTATUS(command.status);
}
