/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE
#include "tool.h"

#include <arpa/inet.h>
#include <err.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>

#define SECONDS_MAX 120

int64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

unsigned long parse_number(const char *text, unsigned long max)
{
    char *end;
    unsigned long number = strtoul(text, &end, 10);

    if (*text == '\0' || *end != '\0' || number > max)
        errx(2, "not a number up to %lu: %s", max, text);
    return number;
}

int64_t parse_seconds(const char *text)
{
    char *end;
    double seconds = strtod(text, &end);

    if (*text == '\0' || *end != '\0' || !(seconds > 0 && seconds <= SECONDS_MAX))
        errx(2, "not seconds up to %d: %s", SECONDS_MAX, text);
    return (int64_t)(seconds * 1e9);
}

struct sockaddr_in parse_address(const char *address, const char *port)
{
    struct sockaddr_in sin = {.sin_family = AF_INET,
                              .sin_port = htons((in_port_t)parse_number(port, 65535))};

    if (inet_pton(AF_INET, address, &sin.sin_addr) != 1)
        errx(2, "not an IPv4 address: %s", address);
    return sin;
}

void pin(unsigned long cpu)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    if (sched_setaffinity(0, sizeof(set), &set) == -1)
        err(1, "cannot run on CPU %lu", cpu);
}
