/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The cost of the library for foreign descriptors: nanoseconds of a call without it, with it, and
 * with a divert socket open as well.
 *
 *     foreign /path/to/libdivertshim.so
 *
 * Exits with 1 if a call costs more than LIMIT_NS on top. A divert socket takes root.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LIMIT_NS 10
#define ROUNDS \
    60 /* programs started for each direction; the best counts: what disturbs only adds */
#define SLICES 50   /* in each */
#define CALLS  1000 /* in a slice */

enum { READ, WRITE, POLL, RECV, CALLS_MEASURED };

enum { PLAIN, PRELOADED, WITH_SOCKET, WAYS };

static const char *const names[] = {"read", "write", "poll", "recv"};
static int null, pair[2];

static void call_once(int what)
{
    static char buffer[16];
    struct pollfd p = {.fd = pair[0], .events = POLLIN};

    switch (what) {
    case READ:
        if (read(null, buffer, sizeof(buffer)) != 0)
            abort();
        break;
    case WRITE:
        if (write(null, buffer, sizeof(buffer)) != sizeof(buffer))
            abort();
        break;
    case POLL:
        if (poll(&p, 1, 0) != 0)
            abort();
        break;
    default:
        if (recv(pair[0], buffer, sizeof(buffer), MSG_DONTWAIT) != -1)
            abort();
    }
}

static double measure_slice(int what)
{
    struct timespec from, to;

    clock_gettime(CLOCK_MONOTONIC, &from);
    for (int i = 0; i < CALLS; i++)
        call_once(what);
    clock_gettime(CLOCK_MONOTONIC, &to);
    return ((double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec)) / CALLS;
}

static double measure(int what)
{
    double best = measure_slice(what);

    for (int i = 1; i < SLICES; i++) {
        double ns = measure_slice(what);

        best = ns < best ? ns : best;
    }
    return best;
}

/* The measuring program: prints a number for each call. */
static int measure_all(bool with_socket)
{
    null = open("/dev/null", O_RDWR);
    if (null < 0 || socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) < 0)
        return 2;
    if (with_socket && socket(AF_INET, SOCK_RAW, 258) < 0)
        return 2;
    for (int what = 0; what < CALLS_MEASURED; what++)
        printf("%f\n", measure(what));
    return 0;
}

static bool run_one(int way, const char *self, const char *library, double best[CALLS_MEASURED])
{
    char command[2048], line[64];
    FILE *out;

    snprintf(command, sizeof(command), "LD_PRELOAD='%s' '%s' measure %d",
             way == PLAIN ? "" : library, self, way == WITH_SOCKET);
    out = popen(command, "r");
    for (int what = 0; out && what < CALLS_MEASURED && fgets(line, sizeof(line), out); what++) {
        double ns = strtod(line, NULL);

        if (best[what] == 0 || ns < best[what])
            best[what] = ns;
    }
    return out && pclose(out) == 0;
}

static int report(double best[WAYS][CALLS_MEASURED])
{
    int worse = 0;

    printf("%-6s %10s %14s %22s\n", "ns", "without", "preloaded", "and a divert socket");
    for (int what = 0; what < CALLS_MEASURED; what++) {
        double more = best[PRELOADED][what] - best[PLAIN][what];
        double with_socket = best[WITH_SOCKET][what] - best[PLAIN][what];

        printf("%-6s %10.1f %+14.1f %+22.1f\n", names[what], best[PLAIN][what], more, with_socket);
        worse += more > LIMIT_NS || with_socket > LIMIT_NS;
    }
    return worse != 0;
}

int main(int argc, char *argv[])
{
    static double best[WAYS][CALLS_MEASURED];
    char self[1024] = {0};

    if (argc == 3 && strcmp(argv[1], "measure") == 0)
        return measure_all(atoi(argv[2]) != 0);
    if (argc != 2 || readlink("/proc/self/exe", self, sizeof(self) - 1) < 0) {
        fprintf(stderr, "usage: foreign LIBRARY\n");
        return 2;
    }
    for (int round = 0; round < ROUNDS; round++) {
        for (int way = 0; way < WAYS; way++) {
            if (!run_one(way, self, argv[1], best[way])) {
                fprintf(stderr, "foreign: a run failed\n");
                return 2;
            }
        }
    }
    return report(best);
}
