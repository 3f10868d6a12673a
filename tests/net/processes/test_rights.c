/* SPDX-License-Identifier: BSD-2-Clause */
/* The rights that a divert socket needs. */
#include "wire.h"

#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static void keep_only(unsigned capability)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {
        {.effective = 1u << capability, .permitted = 1u << capability}};

    ck_assert_int_eq((int)syscall(SYS_capset, &header, data), 0);
}

static void expect_socket_error(int expected)
{
    int fd = socket(AF_INET, SOCK_RAW, IPPROTO_DIVERT);

    ck_assert_msg(fd == -1 && errno == expected, "expected %s, got %d, %s", strerror(expected), fd,
                  strerror(errno));
}

START_TEST(test_socket_is_refused_to_users)
{
    ck_assert_int_eq(setuid(65534), 0);
    expect_socket_error(EPERM);
}
END_TEST

START_TEST(test_socket_takes_cap_net_raw)
{
    keep_only(CAP_NET_ADMIN);
    expect_socket_error(EPERM);
}
END_TEST

START_TEST(test_bind_takes_cap_net_admin)
{
    static const int ports[] = {700, PORT};

    keep_only(CAP_NET_RAW);
    for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++) {
        struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons((uint16_t)ports[i])};
        int fd = divert_socket();

        ck_assert_int_eq(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), -1);
        ck_assert_int_eq(errno, EACCES);
    }
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_socket_is_refused_to_users,
        test_socket_takes_cap_net_raw,
        test_bind_takes_cap_net_admin,
    };

    return run_suite("rights", tests, sizeof(tests) / sizeof(tests[0]));
}
