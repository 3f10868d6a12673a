/* SPDX-License-Identifier: BSD-2-Clause */
/* Starts a script, carries out its commands, and reports how it ended. */
#include "script/script.h"

#include "ipfw/command.h"
#include "script/serve.h"
#include "util/message.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* A running script. */
struct running {
    const char *path;
    char place[64];
    int requests, signals; /* descriptors */
    sigset_t original_mask;
    pid_t pid;
    int status;      /* as of wait(2) */
    int interrupted; /* the signal that ended it all, or 0 */
    struct script_progress progress;
};

/* Reads the beginning of the file. */
static bool read_beginning(const char *path, char *s, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd >= 0 ? read(fd, s, size - 1) : -1;

    if (fd >= 0)
        close(fd);
    if (len < 0) {
        message_error("%s: %s", path, strerror(errno));
        return false;
    }
    s[len] = '\0';
    return true;
}

/* "#!/usr/local/bin/bash" of BSD is another path here: then the shell runs the script. */
static bool script_has_interpreter(const char *path)
{
    char line[256];
    char *name = line + 2;

    if (access(path, X_OK) < 0 || !read_beginning(path, line, sizeof(line)) ||
        strncmp(line, "#!", 2) != 0)
        return false;
    name += strspn(name, " \t");
    name[strcspn(name, " \t\r\n")] = '\0';
    return access(name, X_OK) == 0;
}

static bool names_sbin(const char *path)
{
    struct text all = {0};
    char line[1024];
    FILE *file = fopen(path, "re");
    bool names;

    while (file && fgets(line, sizeof(line), file))
        text_add(&all, "%s", line);
    if (file)
        fclose(file);
    names = strstr(text_str(&all), "/sbin/ipfw");
    text_free(&all);
    return names;
}

/* Somebody has made /sbin/ipfw a link to this program. */
static bool sbin_is_ours(void)
{
    struct stat this, that;

    return stat("/proc/self/exe", &this) == 0 && stat("/sbin/ipfw", &that) == 0 &&
           this.st_dev == that.st_dev && this.st_ino == that.st_ino;
}

static void put_in_path(const char *place)
{
    const char *path = getenv("PATH");
    struct text longer = {0};

    text_add(&longer, "%s/bin:%s", place, path && *path ? path : "/usr/sbin:/usr/bin:/sbin:/bin");
    setenv("PATH", text_str(&longer), 1);
    setenv(ENV_SCRIPT, place, 1);
    text_free(&longer);
}

/* In the child. */
static void exec_script(const struct running *r, char *const args[])
{
    size_t count = 0;
    int error = root_show_commands(r->place);
    struct text path = {0};
    char **argv;

    if (error && names_sbin(r->path) && !sbin_is_ours())
        message_warning("%s: the script gets no /sbin/ipfw (%s); write 'ipfw' in it, or make "
                        "/sbin/ipfw a link to divert-run",
                        r->path, strerror(error));
    put_in_path(r->place);
    text_add(&path, "%s%s", strchr(r->path, '/') ? "" : "./", r->path);
    while (args[count])
        count++;
    argv = grow_array(NULL, count + 3, sizeof(*argv));
    argv[0] = "sh";
    argv[1] = path.s;
    memcpy(argv + 2, args, (count + 1) * sizeof(*argv));
    dup2(2, 1);
    sigprocmask(SIG_SETMASK, &r->original_mask, NULL);
    if (script_has_interpreter(r->path))
        execv(path.s, argv + 1);
    execv("/bin/sh", argv);
    message_error("/bin/sh: %s", strerror(errno));
    _exit(STATUS_NOT_EXECUTABLE);
}

/* Signals that would end divert-run end the script first, so that nothing of it is left. */
static void block_ends(struct running *r, sigset_t *ends)
{
    static const int ending[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCHLD};

    sigemptyset(ends);
    for (size_t i = 0; i < sizeof(ending) / sizeof(*ending); i++)
        sigaddset(ends, ending[i]);
    sigprocmask(SIG_BLOCK, ends, &r->original_mask);
}

static bool prepare_script(struct running *r)
{
    sigset_t ends;

    if (!place_make(r->place))
        return false;
    r->requests = request_socket(r->place);
    block_ends(r, &ends);
    r->signals = signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK);
    if (r->requests >= 0 && r->signals >= 0)
        return true;
    message_error("%s: no socket for the script: %s", r->path, strerror(errno));
    return false;
}

static void clean_up(struct running *r)
{
    if (r->requests >= 0)
        close(r->requests);
    if (r->signals >= 0)
        close(r->signals);
    if (*r->place)
        place_remove(r->place);
    sigprocmask(SIG_SETMASK, &r->original_mask, NULL);
    if (r->interrupted)
        raise(r->interrupted);
}

/* False: the script has ended. */
static bool take_script_signal(struct running *r)
{
    struct signalfd_siginfo info;

    while (read(r->signals, &info, sizeof(info)) == sizeof(info)) {
        if (info.ssi_signo == SIGCHLD)
            continue;
        r->interrupted = (int)info.ssi_signo;
        kill(r->pid, r->interrupted);
    }
    return waitpid(r->pid, &r->status, WNOHANG) == 0;
}

/* What arrived before the script's end is carried out. */
static void serve_until_end(struct running *r)
{
    struct pollfd both[2] = {{.fd = r->requests, .events = POLLIN},
                             {.fd = r->signals, .events = POLLIN}};
    struct request request;
    bool runs = true;

    while (runs) {
        if (poll(both, 2, -1) < 0 && errno != EINTR)
            break;
        if (both[1].revents)
            runs = take_script_signal(r);
        while (request_take(r->requests, &request))
            serve_request(&r->progress, &request);
    }
}

static int report_end(const struct running *r)
{
    const struct script_progress *p = &r->progress;
    const char *failed = p->failed.len ? "; the last ipfw command that failed was " : "";

    if (p->refused)
        message_error("%s: %u of %u ipfw commands were rejected; none is used", r->path, p->refused,
                      p->commands);
    else if (WIFSIGNALED(r->status))
        message_error("%s: signal %d ended the script; its rules are not used", r->path,
                      WTERMSIG(r->status));
    else if (WEXITSTATUS(r->status))
        message_error("%s: the script ended with exit status %d; its rules are not used%s%s",
                      r->path, WEXITSTATUS(r->status), failed, text_str(&p->failed));
    else if (!p->commands)
        message_error("%s: the script did not run ipfw; it must call it as 'ipfw' or '/sbin/ipfw'",
                      r->path);
    else
        return 0;
    return STATUS_USAGE;
}

/* FreeBSD's kernel denies what no rule decides, and its scripts rely on that. */
static void deny_by_default(struct ipfw_model *model)
{
    const struct ruleset *rules = &model->rules;
    struct ipfw_reply reply = {0};

    if (!rules->count || !rules->rules[rules->count - 1]->is_default)
        ipfw_command(model, "add 65535 deny ip from any to any", &reply);
    ipfw_reply_free(&reply);
}

int script_run(const char *path, char *const args[], struct ipfw_model *model)
{
    struct running r = {
        .path = path, .requests = -1, .signals = -1, .progress = {.script = path, .model = model}};
    int status = STATUS_FAILED;
    char first[2];

    if (!read_beginning(path, first, sizeof(first)))
        return STATUS_USAGE;
    deny_by_default(model);
    sigprocmask(SIG_BLOCK, NULL, &r.original_mask);
    if (prepare_script(&r)) {
        r.pid = fork();
        if (r.pid == 0)
            exec_script(&r, args);
        if (r.pid > 0) {
            serve_until_end(&r);
            status = report_end(&r);
        } else {
            message_error("%s: fork: %s", path, strerror(errno));
        }
    }
    text_free(&r.progress.failed);
    clean_up(&r);
    return status;
}
