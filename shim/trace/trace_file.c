/* SPDX-License-Identifier: BSD-2-Clause */
/* Writing trace files from within the traced program. */
#include "trace/trace_file.h"

#include "common/trace_open.h"
#include "process/private_fd.h"
#include "real.h"
#include "util/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

struct trace_state {
    _Atomic bool stopped;
    _Atomic unsigned long left_out; /* records */
};

static struct trace_state *new_state(void)
{
    void *page = mmap(NULL, sizeof(struct trace_state), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    return page == MAP_FAILED ? NULL : page;
}

static bool is_regular(int fd)
{
    struct stat st;

    return real.fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

static const char *reason(int err)
{
    switch (err) {
    case -ENXIO:
        return "nobody reads this pipe; start its reader first";
    case -ELOOP:
        return "it is a link of another user's";
    default:
        return strerror(-err);
    }
}

/* divert-run passes an open file, as /proc/PID/fd/N: the message needs its name. */
static void name_file(struct trace_file *f, const char *name)
{
    ssize_t len = strncmp(name, "/proc/", 6) ? -1 : readlink(name, f->name, sizeof(f->name) - 1);

    if (len >= 0)
        f->name[len] = '\0';
    else
        snprintf(f->name, sizeof(f->name), "%s", name);
}

static int copy_standard_error(void)
{
    int fd = log_has_standard_error() ? real.fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0) : -1;

    return fd < 0 ? -EBADF : fd;
}

void trace_file_open(struct trace_file *f, const char *name, const struct pcap_head *head,
                     bool goes_on)
{
    bool standard_error = !head && (!strcmp(name, "-") || !strcmp(name, "1"));
    int fd;

    name_file(f, name);
    f->ours = !standard_error;
    if (standard_error) {
        fd = copy_standard_error();
    } else {
        fd = trace_open(name, head, goes_on ? TRACE_OPEN_GO_ON : 0);
    }
    f->state = fd < 0 ? NULL : new_state();
    if (fd >= 0 && f->state) {
        f->regular = is_regular(fd);
        f->fd = private_fd(fd);
        return;
    }
    log_line(LOG_WARN, "%s=%s: %s; there is no trace", f->variable, f->name,
             reason(fd < 0 ? fd : -ENOMEM));
    if (fd >= 0)
        real.close(fd);
}

size_t trace_file_longest(const struct trace_file *f)
{
    return f->regular ? SIZE_MAX : PIPE_BUF;
}

static size_t length_of(const struct iovec *record, int pieces)
{
    size_t len = 0;

    for (int i = 0; i < pieces; i++)
        len += record[i].iov_len;
    return len;
}

static void stop_trace(struct trace_file *f, const char *why)
{
    bool said = atomic_exchange(&f->state->stopped, true);

    if (!said && f->ours) /* else there is nowhere to write, and a write may raise SIGPIPE */
        log_line(LOG_WARN, "%s=%s: %s; the trace ends here, traffic goes on", f->variable, f->name,
                 why);
}

/* Beyond RLIMIT_FSIZE the kernel sends SIGXFSZ, which ends the program. */
static bool would_be_too_large(const struct trace_file *f, size_t len)
{
    struct rlimit limit;
    struct stat st;

    return getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
           real.fstat(f->fd, &st) == 0 && (uint64_t)st.st_size + len > limit.rlim_cur;
}

/* Removes a record that was only written in part. */
static void cut_back(const struct trace_file *f, ssize_t part)
{
    off_t end = lseek(f->fd, 0, SEEK_CUR);

    if (end >= part && ftruncate(f->fd, end - part) < 0) {
        /* the reader finds the last packet cut short */
    }
}

static void put_to_file(struct trace_file *f, const struct iovec *record, int pieces)
{
    size_t len = length_of(record, pieces);
    ssize_t n;

    if (would_be_too_large(f, len)) {
        stop_trace(f, "it may not grow further (ulimit -f)");
        return;
    }
    do
        n = real.writev(f->fd, record, pieces);
    while (n < 0 && errno == EINTR);
    if (n == (ssize_t)len)
        return;
    if (n > 0 && f->ours)
        cut_back(f, n);
    stop_trace(f, strerror(n < 0 ? errno : ENOSPC));
}

/* The reader must not be able to raise SIGPIPE in the program. */
static ssize_t write_without_signal(int fd, const struct iovec *record, int pieces)
{
    static const struct timespec no_time;
    sigset_t broken_pipe, before, pending;
    ssize_t n;
    int err;

    sigemptyset(&broken_pipe);
    sigaddset(&broken_pipe, SIGPIPE);
    sigemptyset(&pending);
    sigpending(&pending);
    pthread_sigmask(SIG_BLOCK, &broken_pipe, &before);
    do
        n = real.writev(fd, record, pieces);
    while (n < 0 && errno == EINTR);
    err = errno;
    if (n < 0 && err == EPIPE && !sigismember(&pending, SIGPIPE))
        sigtimedwait(&broken_pipe, NULL, &no_time);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = err;
    return n;
}

/* Traffic does not wait for a slow reader. */
static void put_to_pipe(struct trace_file *f, const struct iovec *record, int pieces)
{
    struct pollfd p = {.fd = f->fd, .events = POLLOUT};

    if (real.poll(&p, 1, 0) == 0) {
        atomic_fetch_add(&f->state->left_out, 1);
        return;
    }
    if (write_without_signal(f->fd, record, pieces) >= 0)
        return;
    if (errno == EAGAIN)
        atomic_fetch_add(&f->state->left_out, 1);
    else
        stop_trace(f, errno == EPIPE ? "nobody reads it any more" : strerror(errno));
}

void trace_file_put(struct trace_file *f, const struct iovec *record, int pieces)
{
    int saved = errno;

    if (!f->state || atomic_load_explicit(&f->state->stopped, memory_order_relaxed))
        return;
    if (f->regular)
        put_to_file(f, record, pieces);
    else
        put_to_pipe(f, record, pieces);
    errno = saved;
}

unsigned long trace_file_left_out(struct trace_file *f)
{
    if (!f->state || !atomic_load_explicit(&f->state->left_out, memory_order_relaxed))
        return 0;
    return atomic_exchange(&f->state->left_out, 0);
}
