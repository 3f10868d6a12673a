/* SPDX-License-Identifier: BSD-2-Clause */
/* The descriptor table, with divert sockets that do nothing but count their references. */
#include "divert/divert.h"
#include "fdtable.h"

#include <check.h>
#include <errno.h>
#include <pthread.h>

struct divert_socket {
    _Atomic int references;
};

struct divert_socket *divert_hold(struct divert_socket *s)
{
    s->references++;
    return s;
}

bool divert_hold_if_used(struct divert_socket *s)
{
    s->references++;
    return true;
}

void divert_release(struct divert_socket *s)
{
    s->references--;
}

START_TEST(test_unknown_descriptors_are_not_ours)
{
    ck_assert_ptr_null(fdtable_find(-1));
    ck_assert_ptr_null(fdtable_find(0));
    ck_assert_ptr_null(fdtable_find(FDTABLE_MAX));
    ck_assert_ptr_null(fdtable_find(__INT_MAX__));
    ck_assert_ptr_null(fdtable_remove(5));
}
END_TEST

START_TEST(test_find_takes_a_reference)
{
    struct divert_socket s = {1};

    ck_assert_int_eq(fdtable_insert(5, &s), 0);
    ck_assert_ptr_eq(fdtable_find(5), &s);
    ck_assert_int_eq(s.references, 2);
    ck_assert_ptr_null(fdtable_find(6));
    ck_assert_ptr_null(fdtable_find(5 + 64));
}
END_TEST

START_TEST(test_remove_hands_the_reference_over)
{
    struct divert_socket s = {1};

    fdtable_insert(5, &s);
    ck_assert_ptr_eq(fdtable_remove(5), &s);
    ck_assert_int_eq(s.references, 1);
    ck_assert_ptr_null(fdtable_find(5));
    ck_assert_uint_eq(fdtable_count, 0);
}
END_TEST

START_TEST(test_insert_replaces)
{
    struct divert_socket a = {1}, b = {1};

    fdtable_insert(5, &a);
    fdtable_insert(5, &b);
    ck_assert_int_eq(a.references, 0);
    ck_assert_ptr_eq(fdtable_find(5), &b);
    ck_assert_uint_eq(fdtable_count, 1);
}
END_TEST

START_TEST(test_descriptor_too_high)
{
    struct divert_socket s = {1};

    ck_assert_int_eq(fdtable_insert(FDTABLE_MAX, &s), -EMFILE);
    ck_assert_int_eq(fdtable_insert(FDTABLE_MAX - 1, &s), 0);
    ck_assert_ptr_eq(fdtable_find(FDTABLE_MAX - 1), &s);
}
END_TEST

START_TEST(test_many_descriptors_come_and_go)
{
    static struct divert_socket s[5000];

    for (int round = 0; round < 3; round++) {
        for (int fd = 0; fd < 5000; fd++) {
            s[fd].references = 1;
            ck_assert_int_eq(fdtable_insert(fd, &s[fd]), 0);
        }
        for (int fd = 0; fd < 5000; fd++)
            ck_assert_ptr_eq(fdtable_find(fd), &s[fd]);
        for (int fd = 0; fd < 5000; fd++)
            ck_assert_ptr_eq(fdtable_remove(fd), &s[fd]);
        ck_assert_uint_eq(fdtable_count, 0);
    }
}
END_TEST

static struct divert_socket shared = {1 << 20};

static void *come_and_go(void *arg)
{
    int fd = 10 + (int)(intptr_t)arg;

    for (int i = 0; i < 20000; i++) {
        struct divert_socket *s;

        fdtable_insert(fd, &shared);
        s = fdtable_find(10);
        if (s)
            divert_release(s);
        fdtable_remove(fd);
    }
    return NULL;
}

START_TEST(test_threads)
{
    pthread_t thread[4];

    for (intptr_t i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&thread[i], NULL, come_and_go, (void *)i), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(thread[i], NULL);
    ck_assert_uint_eq(fdtable_count, 0);
    ck_assert_int_eq(shared.references, 1 << 20);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fdtable");
    TCase *t = tcase_create("fdtable");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, t);
    tcase_add_test(t, test_unknown_descriptors_are_not_ours);
    tcase_add_test(t, test_find_takes_a_reference);
    tcase_add_test(t, test_remove_hands_the_reference_over);
    tcase_add_test(t, test_insert_replaces);
    tcase_add_test(t, test_descriptor_too_high);
    tcase_add_test(t, test_many_descriptors_come_and_go);
    tcase_add_test(t, test_threads);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
