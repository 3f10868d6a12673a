#include "meter.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

struct moment {
    long long cpu_ns, wall_ns;
};

static struct moment first;
static unsigned long packets;

volatile sig_atomic_t meter_stop;

static void on_stop(int signal_number)
{
    (void)signal_number;
    meter_stop = 1;
}

void meter_init(void)
{
    struct sigaction action;

    memset(&action, 0, sizeof(action));
    action.sa_handler = on_stop;
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
}

static long long timeval_ns(struct timeval time)
{
    return time.tv_sec * 1000000000ll + time.tv_usec * 1000ll;
}

static struct moment now(void)
{
    struct rusage usage;
    struct timespec wall;
    struct moment moment;

    getrusage(RUSAGE_SELF, &usage);
    clock_gettime(CLOCK_MONOTONIC, &wall);
    moment.cpu_ns = timeval_ns(usage.ru_utime) + timeval_ns(usage.ru_stime);
    moment.wall_ns = wall.tv_sec * 1000000000ll + wall.tv_nsec;
    return moment;
}

void meter_count(unsigned long count)
{
    if (packets == 0)
        first = now();
    packets += count;
}

void meter_report(void)
{
    struct moment last = now();

    if (packets == 0)
        first = last;
    printf("packets=%lu cpu_ns=%lld wall_ns=%lld\n", packets, last.cpu_ns - first.cpu_ns,
           last.wall_ns - first.wall_ns);
    fflush(stdout);
}
