/* SPDX-License-Identifier: BSD-2-Clause */
/* sysctl(3), the service natd, and the members that BSD's address structures have. */
#include "make_packet.h"
#include "wire.h"

#include <net/if.h>
#include <net/if_dl.h>
#include <net/route.h>
#include <netinet/ip_fw.h>
#include <sys/socket.h>
#include <sys/sysctl.h>
#include <sys/types.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The list as text, with an interface or address on each line, for comparison. */
static char text[8192];

static void print(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void print(const char *format, ...)
{
    size_t used = strlen(text);
    va_list args;

    va_start(args, format);
    vsnprintf(text + used, sizeof(text) - used, format, args);
    va_end(args);
}

static void print_link(const struct if_msghdr *ifm)
{
    const struct sockaddr_dl *sdl = (const struct sockaddr_dl *)(const void *)(ifm + 1);

    ck_assert_int_eq(ifm->ifm_addrs, RTA_IFP);
    ck_assert_int_eq(ifm->ifm_msglen, sizeof(*ifm) + SA_SIZE(sdl));
    ck_assert_int_eq(sdl->sdl_family, AF_LINK);
    ck_assert_int_eq(sdl->sdl_index, ifm->ifm_index);
    ck_assert_int_eq(sdl->sdl_alen, 6);
    ck_assert_int_eq(((const struct sockaddr *)sdl)->sa_len, sizeof(*sdl));
    print("%.*s %u", sdl->sdl_nlen, sdl->sdl_data, ifm->ifm_data.ifi_mtu);
    for (int i = 0; i < sdl->sdl_alen; i++)
        print("%c%02x", i ? ':' : ' ', (u_char)LLADDR(sdl)[i]);
    print("%s\n", ifm->ifm_flags & IFF_LOOPBACK ? " loopback" : "");
}

static void print_address(const struct sockaddr *sa)
{
    char address[INET6_ADDRSTRLEN];
    const void *bytes = sa->sa_family == AF_INET
                            ? (const void *)&((const struct sockaddr_in *)sa)->sin_addr
                            : (const void *)&((const struct sockaddr_in6 *)sa)->sin6_addr;

    if (sa->sa_family == AF_INET)
        ck_assert_int_eq(sa->sa_len, sizeof(struct sockaddr_in));
    ck_assert_ptr_nonnull(inet_ntop(sa->sa_family, bytes, address, sizeof(address)));
    print(" %s", address);
}

static void print_addresses(const struct ifa_msghdr *ifam)
{
    const char *p = (const char *)(ifam + 1);

    ck_assert_int_eq(ifam->ifam_type, RTM_NEWADDR);
    for (int i = 0; i < RTAX_MAX; i++) {
        if (!(ifam->ifam_addrs & (1 << i)))
            continue;
        print_address((const struct sockaddr *)(const void *)p);
        p += SA_SIZE(p);
    }
    print("\n");
}

static void list_interfaces(int family, int index)
{
    int mib[6] = {CTL_NET, PF_ROUTE, 0, family, NET_RT_IFLIST, index};
    size_t needed, len;
    char *list, *next;

    text[0] = '\0';
    ck_assert_int_eq(sysctl(mib, 6, NULL, &needed, NULL, 0), 0);
    list = malloc(needed);
    len = needed;
    ck_assert_int_eq(sysctl(mib, 6, list, &len, NULL, 0), 0);
    ck_assert_uint_le(len, needed);
    for (next = list; next < list + len;) {
        const struct if_msghdr *ifm = (const struct if_msghdr *)(const void *)next;

        ck_assert_int_eq(ifm->ifm_version, RTM_VERSION);
        if (ifm->ifm_type == RTM_IFINFO)
            print_link(ifm);
        else
            print_addresses((const struct ifa_msghdr *)(const void *)next);
        next += ifm->ifm_msglen;
    }
    ck_assert_ptr_eq(next, list + len);
    free(list);
}

static void make_interface(void)
{
    run("ip link add list0 address 02:00:00:00:00:99 mtu 1399 type veth peer name list1");
    run("ip address add 10.9.8.7/20 broadcast 10.9.15.254 dev list0");
    run("ip address add 10.9.8.8/32 dev list0");
    run("ip address add 10.7.0.1 peer 10.7.0.2/32 dev list0");
    run("ip link set list0 addrgenmode none; sysctl -q -w net.ipv6.conf.list0.disable_ipv6=0");
    run("ip address add 2001:db8::7/64 dev list0 nodad");
}

START_TEST(test_interface_list)
{
    make_interface();
    list_interfaces(AF_INET, (int)if_nametoindex("list0"));
    ck_assert_str_eq(text, "list0 1399 02:00:00:00:00:99\n"
                           " 255.255.240.0 10.9.8.7 10.9.15.254\n"
                           " 255.255.255.255 10.9.8.8\n"
                           " 255.255.255.255 10.7.0.1 10.7.0.2\n");
    list_interfaces(AF_INET6, (int)if_nametoindex("list0"));
    ck_assert_str_eq(text, "list0 1399 02:00:00:00:00:99\n"
                           " 2001:db8::7\n");
    list_interfaces(0, 0);
    ck_assert_ptr_nonnull(
        strstr(text, "lo 65536 00:00:00:00:00:00 loopback\n 255.0.0.0 127.0.0.1\n"));
    ck_assert_ptr_nonnull(strstr(text, "in0 1500 "));
    ck_assert_ptr_nonnull(strstr(text, " 2001:db8::7\n"));
}
END_TEST

START_TEST(test_interface_list_with_many_addresses)
{
    const char *line = text;
    int addresses = 0;

    run("ip link add list0 type veth peer name list1");
    run("for i in $(seq 130); do echo address add 10.9.8.$i/32 dev list0; done | ip -batch -");
    list_interfaces(AF_INET, (int)if_nametoindex("list0"));
    while ((line = strstr(line, " 10.9.8.")) != NULL) {
        ck_assert_int_eq(atoi(line + strlen(" 10.9.8.")), ++addresses);
        line++;
    }
    ck_assert_int_eq(addresses, 130);
}
END_TEST

START_TEST(test_interface_list_into_too_little_room)
{
    int mib[6] = {CTL_NET, PF_ROUTE, 0, AF_INET, NET_RT_IFLIST, 0};
    struct if_msghdr *ifm;
    char list[4096];
    size_t whole = sizeof(list), len;

    ck_assert_int_eq(sysctl(mib, 6, list, &whole, NULL, 0), 0);
    ifm = (struct if_msghdr *)(void *)list;
    len = ifm->ifm_msglen + 10u;
    memset(list, 0x55, sizeof(list));
    ck_assert_int_eq(sysctl(mib, 6, list, &len, NULL, 0), -1);
    ck_assert_int_eq(errno, ENOMEM);
    ck_assert_uint_eq(len, ifm->ifm_msglen);
    ck_assert_int_eq(list[len], 0x55);
    len = whole;
    ck_assert_int_eq(sysctl(mib, 6, list, &len, NULL, 0), 0);
    ck_assert_uint_eq(len, whole);
}
END_TEST

static void expect_sysctl_error(const int *mib, u_int count, int expected)
{
    size_t len = 0;

    ck_assert_int_eq(sysctl(mib, count, NULL, &len, NULL, 0), -1);
    ck_assert_msg(errno == expected, "expected %s, got %s", strerror(expected), strerror(errno));
}

START_TEST(test_invalid_requests_are_refused)
{
    const int dump[] = {CTL_NET, PF_ROUTE, 0, AF_INET, NET_RT_DUMP, 0};
    const int family[] = {CTL_NET, PF_ROUTE, 0, AF_UNIX, NET_RT_IFLIST, 0};
    const int unknown[] = {CTL_KERN, 9999};

    expect_sysctl_error(dump, 6, EOPNOTSUPP);
    expect_sysctl_error(dump, 5, EINVAL);
    expect_sysctl_error(family, 6, EINVAL);
    expect_sysctl_error(unknown, 2, ENOENT);
    expect_sysctl_error(unknown, 0, ENOENT);
}
END_TEST

static int get(const char *name)
{
    int value = -1;
    size_t len = sizeof(value);

    ck_assert_msg(sysctlbyname(name, &value, &len, NULL, 0) == 0, "%s: %s", name, strerror(errno));
    ck_assert_uint_eq(len, sizeof(value));
    return value;
}

static void set(const char *name, int value)
{
    ck_assert_msg(sysctlbyname(name, NULL, NULL, &value, sizeof(value)) == 0, "%s: %s", name,
                  strerror(errno));
}

START_TEST(test_numbers_are_read_and_set)
{
    int mib[CTL_MAXNAME] = {CTL_NET, PF_INET, IPPROTO_IP, IPCTL_DEFTTL}, ttl = 0;
    size_t count = CTL_MAXNAME, len = sizeof(ttl);

    set("net.inet.ip.forwarding", 0);
    ck_assert_int_eq(get("net.inet.ip.forwarding"), 0);
    run("test $(cat /proc/sys/net/ipv4/ip_forward) = 0");
    set("net.inet.ip.forwarding", 1);
    run("test $(cat /proc/sys/net/ipv4/ip_forward) = 1");
    set("net.inet.ip.portrange.first", 20000);
    set("net.inet.ip.portrange.last", 30000);
    run("set -- $(cat /proc/sys/net/ipv4/ip_local_port_range); test \"$*\" = '20000 30000'");

    set("net.inet.ip.ttl", 77);
    ck_assert_int_eq(sysctl(mib, 4, &ttl, &len, NULL, 0), 0);
    ck_assert_int_eq(ttl, 77);
    ck_assert_int_eq(sysctlnametomib("net.inet.ip.ttl", mib, &count), 0);
    ttl = 0;
    ck_assert_int_eq(sysctl(mib, (u_int)count, &ttl, &len, NULL, 0), 0);
    ck_assert_int_eq(ttl, 77);
}
END_TEST

START_TEST(test_fixed_values_and_unknown_names)
{
    int value = 5;
    size_t len = sizeof(value);

    ck_assert_int_eq(get("net.inet.ip.fw.enable"), 1);
    ck_assert_int_eq(get("net.inet.ip.fw.default_rule"), IPFW_DEFAULT_RULE);
    ck_assert_int_ge(get("net.inet.divert.recvspace"), 65535);
    ck_assert_int_eq(sysctlbyname("net.inet.ip.fw.enable", NULL, NULL, &value, len), -1);
    ck_assert_int_eq(errno, EPERM);
    ck_assert_int_eq(sysctlbyname("net.inet.ip.ttl", NULL, NULL, &value, 1), -1);
    ck_assert_int_eq(errno, EINVAL);
    ck_assert_int_eq(sysctlbyname("net.inet.nothing", &value, &len, NULL, 0), -1);
    ck_assert_int_eq(errno, ENOENT);
    ck_assert_int_eq(sysctlnametomib("net.inet.nothing", &value, &len), -1);
    ck_assert_int_eq(errno, ENOENT);
}
END_TEST

START_TEST(test_strings_are_read)
{
    const int mib[] = {CTL_KERN, KERN_OSTYPE};
    char name[64], little[3];
    size_t len = sizeof(name);

    ck_assert_int_eq(sysctlbyname("kern.ostype", name, &len, NULL, 0), 0);
    ck_assert_str_eq(name, "Linux");
    ck_assert_uint_eq(len, sizeof("Linux"));
    ck_assert_int_eq(sysctl(mib, 2, NULL, &len, NULL, 0), 0);
    ck_assert_uint_eq(len, sizeof("Linux"));
    len = sizeof(little);
    ck_assert_int_eq(sysctl(mib, 2, little, &len, NULL, 0), -1);
    ck_assert_int_eq(errno, ENOMEM);
    ck_assert_int_eq(memcmp(little, "Lin", 3), 0);
}
END_TEST

START_TEST(test_service_natd)
{
    struct servent *service = getservbyname("natd", "divert"), entry, *found;
    char buf[1024];

    ck_assert_ptr_nonnull(service);
    ck_assert_int_eq(ntohs((uint16_t)service->s_port), 8668);
    ck_assert_str_eq(service->s_name, "natd");
    ck_assert_str_eq(service->s_proto, "divert");
    ck_assert_ptr_null(service->s_aliases[0]);
    ck_assert_int_eq(getservbyname_r("natd", "divert", &entry, buf, sizeof(buf), &found), 0);
    ck_assert_ptr_eq(found, &entry);
    ck_assert_int_eq(ntohs((uint16_t)entry.s_port), 8668);
    ck_assert_ptr_null(getservbyname("natd", "tcp"));
    ck_assert_ptr_null(getservbyname("nobody", "divert"));
    getservbyname_r("nobody", "divert", &entry, buf, sizeof(buf), &found);
    ck_assert_ptr_null(found);
}
END_TEST

START_TEST(test_ipfw_options_are_enoprotoopt)
{
    int fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
    struct ip_fw rule = {.rulenum = 1};

    ck_assert_int_eq(setsockopt(fd, IPPROTO_IP, IP_FW_ADD, &rule, sizeof(rule)), -1);
    ck_assert_int_eq(errno, ENOPROTOOPT);
    ck_assert_int_eq(setsockopt(fd, IPPROTO_IP, IP_FW_DEL, &rule, sizeof(rule)), -1);
    ck_assert_int_eq(errno, ENOPROTOOPT);
}
END_TEST

START_TEST(test_length_members_overlap_nothing)
{
    struct sockaddr_in sin = {.sin_len = sizeof(sin), .sin_family = AF_INET};
    struct sockaddr_in6 sin6 = {.sin6_len = sizeof(sin6), .sin6_family = AF_INET6};
    struct sockaddr_storage storage = {.ss_len = 28, .ss_family = AF_INET6};
    const struct sockaddr *sa = (const struct sockaddr *)&sin;

    ck_assert_int_eq(sa->sa_len, sizeof(sin));
    ck_assert_int_eq(sa->sa_family, AF_INET);
    ck_assert_int_eq(sin6.sin6_family, AF_INET6);
    ck_assert(IN6_IS_ADDR_UNSPECIFIED(&sin6.sin6_addr));
    ck_assert_int_eq(sin6.sin6_scope_id, 0);
    ck_assert_int_eq(storage.ss_family, AF_INET6);
    ck_assert_uint_eq(sizeof(struct sockaddr), 16);
    ck_assert_uint_eq(sizeof(sin), 16);
    ck_assert_uint_eq(sizeof(sin6), 28);
    ck_assert_uint_eq(sizeof(storage), 128);
}
END_TEST

/* The kernel accepts the structures with their lengths set. */
START_TEST(test_lengths_do_not_disturb_the_kernel)
{
    struct sockaddr_in sin = {.sin_len = sizeof(sin), .sin_family = AF_INET};
    struct sockaddr_in6 sin6 = {.sin6_len = sizeof(sin6), .sin6_family = AF_INET6};
    int fd = socket(AF_INET, SOCK_DGRAM, 0), fd6 = socket(AF_INET6, SOCK_DGRAM, 0);

    ck_assert_int_eq(bind(fd, (struct sockaddr *)&sin, sin.sin_len), 0);
    sin.sin_port = htons(9);
    ck_assert_int_eq(sendto(fd, "", 1, 0, (struct sockaddr *)&sin, sin.sin_len), 1);
    ck_assert_int_eq(bind(fd6, (struct sockaddr *)&sin6, sizeof(sin6)), 0);
    sin6.sin6_port = htons(9);
    sin6.sin6_addr = in6addr_loopback;
    ck_assert_int_eq(sendto(fd6, "", 1, 0, (struct sockaddr *)&sin6, sizeof(sin6)), 1);
}
END_TEST

static uint8_t packet[200], got[200];

START_TEST(test_length_in_the_address_of_a_packet)
{
    int fd = divert_bound(PORT);
    struct sockaddr_in from;
    size_t len;

    divert_incoming(PORT);
    len = make_udp(packet, IN_PEER, 1111, OUT_PEER, 2222, 77, "x", 1);
    wire_send(&in0, packet, len);
    divert_read(fd, got, sizeof(got), &from);
    from.sin_len = sizeof(from);
    ck_assert_str_eq((const char *)from.sin_zero, "in0");
    ck_assert_int_eq(sendto(fd, got, len, 0, (struct sockaddr *)&from, 0), -1);
    ck_assert_int_eq(errno, EINVAL);
    divert_write(fd, got, len, &from);
    wire_expect(&out0, packet, len);
    ck_assert_uint_eq(queue_waiting(PORT), 0);
}
END_TEST

/*
 * The name's NUL and the length are the same byte. No interface has the address, so only the name
 * says where.
 */
START_TEST(test_length_after_a_name_of_seven_characters)
{
    int fd = divert_socket();
    struct sockaddr_in to = {.sin_family = AF_INET};
    size_t len = make_udp(packet, "10.9.0.2", 1111, OUT_PEER, 2222, 77, "x", 1);

    run("ip link add inside0 type veth peer name inside1");
    run("ip address add 10.9.0.1/24 dev inside0");
    run("ip link set inside0 up; ip link set inside1 up");
    to.sin_addr.s_addr = inet_addr("198.51.100.1");
    memcpy(to.sin_zero, "inside0", 8);
    to.sin_len = sizeof(to);
    divert_write(fd, packet, len, &to);
    wire_expect(&out0, packet, len);
}
END_TEST

int main(void)
{
    const TTest *const tests[] = {
        test_interface_list,
        test_interface_list_with_many_addresses,
        test_interface_list_into_too_little_room,
        test_invalid_requests_are_refused,
        test_numbers_are_read_and_set,
        test_fixed_values_and_unknown_names,
        test_strings_are_read,
        test_service_natd,
        test_ipfw_options_are_enoprotoopt,
        test_length_members_overlap_nothing,
        test_lengths_do_not_disturb_the_kernel,
        test_length_in_the_address_of_a_packet,
        test_length_after_a_name_of_seven_characters,
    };

    return run_suite("sysctl", tests, sizeof(tests) / sizeof(tests[0]));
}
