/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs test functions of Check, each by its name. */
#include "runner.h"

#include <stdlib.h>

#define SECONDS 60 /* only a failure takes that long, even on a busy machine */

struct runner runner_make(const char *suite, SFun setup, SFun teardown, unsigned seconds)
{
    return (struct runner){suite_create(suite), setup, teardown, seconds};
}

void runner_add(struct runner *runner, const TTest *test, int times)
{
    TCase *test_case = tcase_create(test->name);

    tcase_set_timeout(test_case, runner->seconds ? runner->seconds : SECONDS);
    tcase_add_checked_fixture(test_case, runner->setup, runner->teardown);
    tcase_add_loop_test(test_case, test, 0, times);
    suite_add_tcase(runner->suite, test_case);
}

int runner_run(struct runner *runner)
{
    const char *only = getenv("CK_RUN_CASE");
    SRunner *check = srunner_create(runner->suite);
    int failed = 0;

    if (!only || suite_tcase(runner->suite, only)) {
        srunner_run_all(check, CK_NORMAL);
        failed = srunner_ntests_failed(check);
    }
    srunner_free(check);
    return failed != 0;
}
