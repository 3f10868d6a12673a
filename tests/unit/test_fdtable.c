/* SPDX-License-Identifier: BSD-2-Clause */
/* The descriptor table, with objects that do nothing but count their references. */
#include "fdtable.h"
#include "runner.h"

#include <errno.h>
#include <pthread.h>

static void expect_no_end(struct fd_object *o)
{
    ck_abort_msg("%p has ended", (void *)o);
}

static int ended;

static void count_end(struct fd_object *o)
{
    (void)o;
    ended++;
}

START_TEST(test_unknown_descriptors_are_foreign)
{
    const int numbers[] = {-1, 0, 5, FDTABLE_MAX, __INT_MAX__};

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        ck_assert_int_eq(fdtable_kind(numbers[i]), FD_FOREIGN);
        ck_assert_ptr_null(fdtable_hold(numbers[i]));
        fdtable_clear(numbers[i]);
    }
    ck_assert_int_eq(fdtable_next(0), -1);
}
END_TEST

START_TEST(test_kinds_are_distinguished)
{
    struct fd_object o = {1, expect_no_end};

    ck_assert_int_eq(fdtable_set(3, FD_PRIVATE), 0);
    ck_assert_int_eq(fdtable_set(4, FD_ROUTE), 0);
    ck_assert_int_eq(fdtable_set_divert(5, &o), 0);
    ck_assert_int_eq(fdtable_kind(3), FD_PRIVATE);
    ck_assert_int_eq(fdtable_kind(4), FD_ROUTE);
    ck_assert_int_eq(fdtable_kind(5), FD_DIVERT);
    ck_assert_ptr_null(fdtable_hold(3));
    ck_assert_ptr_null(fdtable_hold(4));
    ck_assert_uint_eq(fdtable_count, 3);
}
END_TEST

START_TEST(test_hold_takes_a_reference)
{
    struct fd_object o = {1, expect_no_end};

    ck_assert_int_eq(fdtable_set_divert(5, &o), 0);
    ck_assert_ptr_eq(fdtable_hold(5), &o);
    ck_assert_uint_eq(o.references, 2);
    ck_assert_ptr_null(fdtable_hold(6));
    ck_assert_ptr_null(fdtable_hold(5 + 64));
}
END_TEST

START_TEST(test_clear_gives_the_reference_up)
{
    struct fd_object o = {1, count_end};

    fdtable_set_divert(5, &o);
    fdtable_clear(5);
    ck_assert_int_eq(ended, 1);
    ck_assert_uint_eq(o.references, 0);
    ck_assert(!fd_object_hold_if_used(&o));
    ck_assert_int_eq(fdtable_kind(5), FD_FOREIGN);
    ck_assert_uint_eq(fdtable_count, 0);
}
END_TEST

START_TEST(test_set_replaces_the_former_entry)
{
    struct fd_object a = {1, count_end}, b = {1, expect_no_end};

    fdtable_set_divert(5, &a);
    fdtable_set_divert(5, &b);
    ck_assert_int_eq(ended, 1);
    ck_assert_ptr_eq(fdtable_hold(5), &b);
    ck_assert_uint_eq(fdtable_count, 1);
}
END_TEST

START_TEST(test_too_high_descriptor_is_refused)
{
    struct fd_object o = {1, expect_no_end};

    ck_assert_int_eq(fdtable_set_divert(FDTABLE_MAX, &o), -EMFILE);
    ck_assert_int_eq(fdtable_set_divert(FDTABLE_MAX - 1, &o), 0);
    ck_assert_ptr_eq(fdtable_hold(FDTABLE_MAX - 1), &o);
    ck_assert_int_eq(fdtable_next(0), FDTABLE_MAX - 1);
    ck_assert_int_eq(fdtable_next(FDTABLE_MAX), -1);
}
END_TEST

START_TEST(test_next_finds_each)
{
    const int numbers[] = {0, 1, 63, 64, 127, 4095, 4096, 100000};
    int fd = 0;

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        fdtable_set(numbers[i], FD_PRIVATE);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++, fd++) {
        fd = fdtable_next(fd);
        ck_assert_int_eq(fd, numbers[i]);
    }
    ck_assert_int_eq(fdtable_next(fd), -1);
}
END_TEST

START_TEST(test_many_descriptors_come_and_go)
{
    static struct fd_object o[5000];

    for (int round = 1; round <= 3; round++) {
        for (int fd = 0; fd < 5000; fd++) {
            o[fd] = (struct fd_object){1, count_end};
            ck_assert_int_eq(fdtable_set_divert(fd, &o[fd]), 0);
        }
        for (int fd = 0; fd < 5000; fd++)
            ck_assert_ptr_eq(fdtable_hold(fd), &o[fd]);
        for (int fd = 0; fd < 5000; fd++) {
            fd_object_release(&o[fd]);
            fdtable_clear(fd);
        }
        ck_assert_int_eq(ended, round * 5000);
        ck_assert_uint_eq(fdtable_count, 0);
    }
}
END_TEST

static struct fd_object shared = {1 << 20, expect_no_end};

static void *come_and_go(void *arg)
{
    int fd = 10 + (int)(intptr_t)arg;

    for (int i = 0; i < 20000; i++) {
        struct fd_object *o;

        fdtable_set_divert(fd, fd_object_hold(&shared));
        o = fdtable_hold(10);
        if (o)
            fd_object_release(o);
        fdtable_clear(fd);
    }
    return NULL;
}

START_TEST(test_threads_share_the_table)
{
    pthread_t thread[4];

    for (intptr_t i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&thread[i], NULL, come_and_go, (void *)i), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(thread[i], NULL);
    ck_assert_uint_eq(fdtable_count, 0);
    ck_assert_uint_eq(shared.references, 1 << 20);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_unknown_descriptors_are_foreign,
        test_kinds_are_distinguished,
        test_hold_takes_a_reference,
        test_clear_gives_the_reference_up,
        test_set_replaces_the_former_entry,
        test_too_high_descriptor_is_refused,
        test_next_finds_each,
        test_many_descriptors_come_and_go,
        test_threads_share_the_table,
    };
    struct runner runner = runner_make("fdtable", NULL, NULL, 0);

    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
        runner_add(&runner, tests[i], 1);
    return runner_run(&runner);
}
