/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Runs test functions, each as a test case of Check that has its name: CK_RUN_CASE=test_one_thing
 * in the environment runs that one alone.
 */
#ifndef RUNNER_H
#define RUNNER_H

#include <check.h>

struct runner {
    Suite *suite;
    SFun setup, teardown;
    unsigned seconds;
};

/*
 * The fixtures run in the process of each test; NULL for none. A test may take that many seconds; 0
 * for the default, a minute.
 */
struct runner runner_make(const char *suite, SFun setup, SFun teardown, unsigned seconds);

/* Adds a test function that is run once for every _i from 0 to times - 1. */
void runner_add(struct runner *runner, const TTest *test, int times);

/*
 * Runs what was added and frees the runner: 0 if all passed, 1 if not. Prints nothing and returns 0
 * if CK_RUN_CASE names a function that was not added.
 */
int runner_run(struct runner *runner);

#endif
