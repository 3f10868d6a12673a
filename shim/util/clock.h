/* SPDX-License-Identifier: BSD-2-Clause */
/* The monotonic clock. */
#ifndef DIVERTSHIM_CLOCK_H
#define DIVERTSHIM_CLOCK_H

#include <stdint.h>
#include <time.h>

#define NS_PER_SEC UINT64_C(1000000000)
#define NS_PER_MS  UINT64_C(1000000)

/* Timeouts above so many seconds, 292 years, count as none: nanoseconds must not overflow. */
#define TIMEOUT_SECONDS_MAX (UINT64_MAX / NS_PER_SEC / 2)

/* CLOCK_MONOTONIC in nanoseconds, with the resolution of a tick: cheap enough for every packet. */
static inline uint64_t clock_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (uint64_t)now.tv_sec * NS_PER_SEC + (uint64_t)now.tv_nsec;
}

/* The same, exact. */
static inline uint64_t clock_exact_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_SEC + (uint64_t)now.tv_nsec;
}

#endif
