/* SPDX-License-Identifier: BSD-2-Clause */
/* BSD libc functions that the library provides: compiled and linked as BSD programs are. */
#include "runner.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/time.h>
#include <unistd.h>

START_TEST(test_ualarm_of_seconds)
{
    struct itimerval timer;

    ck_assert_uint_eq(ualarm(10000000, 1500000), 0);
    ck_assert_int_eq(getitimer(ITIMER_REAL, &timer), 0);
    ck_assert_int_ge(timer.it_value.tv_sec, 8);
    ck_assert_int_eq(timer.it_interval.tv_sec, 1);
    ck_assert_int_eq(timer.it_interval.tv_usec, 500000);
    ck_assert_uint_gt(ualarm(0, 0), 1000000);
    ck_assert_int_eq(getitimer(ITIMER_REAL, &timer), 0);
    ck_assert_int_eq(timer.it_value.tv_sec + timer.it_value.tv_usec, 0);
}
END_TEST

START_TEST(test_divert_is_a_protocol)
{
    struct protoent *p = getprotobyname("divert");

    ck_assert_ptr_nonnull(p);
    ck_assert_int_eq(p->p_proto, IPPROTO_DIVERT);
    p = getprotobynumber(258);
    ck_assert_ptr_nonnull(p);
    ck_assert_str_eq(p->p_name, "divert");
    ck_assert_ptr_null(getprotobyname("no such protocol"));
    ck_assert_ptr_null(getprotobynumber(259));
}
END_TEST

#ifdef __GLIBC__ /* musl has no such calls */
START_TEST(test_divert_is_a_protocol_for_threads)
{
    struct protoent entry, *found = NULL;
    char buf[1024];

    ck_assert_int_eq(getprotobyname_r("divert", &entry, buf, sizeof(buf), &found), 0);
    ck_assert_ptr_eq(found, &entry);
    ck_assert_int_eq(getprotobynumber_r(258, &entry, buf, sizeof(buf), &found), 0);
    ck_assert_str_eq(found->p_name, "divert");
}
END_TEST
#endif

START_TEST(test_inet_ntoa_r_writes_to_the_buffer)
{
    struct in_addr address = {htonl(0xc0000201)};
    char buf[16], shorter[4];

    ck_assert_ptr_eq(inet_ntoa_r(address, buf, sizeof(buf)), buf);
    ck_assert_str_eq(buf, "192.0.2.1");
    ck_assert_ptr_null(inet_ntoa_r(address, shorter, sizeof(shorter)));
    ck_assert_int_eq(errno, ENOSPC);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_ualarm_of_seconds,
        test_divert_is_a_protocol,
#ifdef __GLIBC__
        test_divert_is_a_protocol_for_threads,
#endif
        test_inet_ntoa_r_writes_to_the_buffer,
    };

    struct runner runner = runner_make("bsd libc", NULL, NULL, 0);

    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
        runner_add(&runner, tests[i], 1);
    return runner_run(&runner);
}
