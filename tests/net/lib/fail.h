/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes system calls fail. This library comes after the one under test, which takes it for the C
 * library. The test's own calls do not fail unless it is armed.
 */
#ifndef FAIL_H
#define FAIL_H

#include <stdbool.h>

#define FAIL_CALLS 64

struct fail_count {
    char name[24];
    unsigned calls; /* while armed */
};

/* In memory that the test shares with its children. */
struct fail_plan {
    char name[24]; /* of the function; of the system call where it is made by syscall() */
    int error;     /* errno, 0: nothing fails */
    unsigned nth;  /* which call fails, from 1 on */
    bool for_ever; /* and all later ones */
    unsigned hits; /* how many have failed */
    struct fail_count count[FAIL_CALLS];
};

/* Counts calls, and makes them fail, by this plan from now on. */
void fail_use(struct fail_plan *plan);

void fail_arm(bool armed);

#endif
