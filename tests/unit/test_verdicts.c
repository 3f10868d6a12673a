/* SPDX-License-Identifier: BSD-2-Clause */
/* Batches of verdicts: which packets share a message, and which may not. */
#include "nfq.h"
#include "runner.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <sys/socket.h>
#include <unistd.h>

#define QUEUE 8000

static struct nfqueue_batch batch;
static int ends[2];

static void setup(void)
{
    ck_assert_int_eq(socketpair(AF_UNIX, SOCK_DGRAM, 0, ends), 0);
}

static struct nfqueue_verdict accepted(uint32_t id)
{
    return (struct nfqueue_verdict){
        .id = id, .queue = QUEUE, .none_before = true, .verdict = NF_ACCEPT, .mark = 7};
}

static void put(const struct nfqueue_verdict *v)
{
    ck_assert_int_eq(nfqueue_put_verdict(ends[0], &batch, v), 0);
}

static void put_accepted(uint32_t id)
{
    struct nfqueue_verdict v = accepted(id);

    put(&v);
}

static void put_changed(uint32_t id)
{
    struct nfqueue_verdict v = accepted(id);

    v.payload = "new bytes";
    v.len = 9;
    put(&v);
}

/* The messages as text: for each a letter, v for one packet, b for all up to one, and the id. */
static const char *what_is_sent(void)
{
    static char text[256];
    _Alignas(8) char bytes[8192];
    const struct nlmsghdr *message = (const struct nlmsghdr *)(const void *)bytes;
    int len, at = 0;

    text[0] = '\0';
    ck_assert_int_eq(nfqueue_flush(ends[0], &batch), 0);
    len = (int)recv(ends[1], bytes, sizeof(bytes), 0);
    for (; mnl_nlmsg_ok(message, len); message = mnl_nlmsg_next(message, &len)) {
        const struct nfqnl_msg_verdict_hdr *verdict =
            mnl_attr_get_payload(mnl_nlmsg_get_payload_offset(message, sizeof(struct nfgenmsg)));
        bool many = (message->nlmsg_type & 0xff) == NFQNL_MSG_VERDICT_BATCH;

        at += snprintf(text + at, sizeof(text) - (size_t)at, "%s%c%u", at ? " " : "",
                       many ? 'b' : 'v', ntohl(verdict->id));
    }
    ck_assert_int_eq(len, 0);
    return text;
}

START_TEST(test_run_of_equal_verdicts_is_one_message)
{
    for (uint32_t id = 1; id <= 100; id++)
        put_accepted(id);
    ck_assert_str_eq(what_is_sent(), "b100");
    put_accepted(101);
    ck_assert_str_eq(what_is_sent(), "b101");
}
END_TEST

START_TEST(test_ids_wrap_around)
{
    put_accepted(0xfffffffe);
    put_accepted(0xffffffff);
    put_accepted(1);
    ck_assert_str_eq(what_is_sent(), "b1");
}
END_TEST

START_TEST(test_other_verdict_begins_another_message)
{
    struct nfqueue_verdict mark = accepted(2), verdict = accepted(3), queue = accepted(4);

    mark.mark = 0x10007;
    verdict.verdict = NF_REPEAT;
    queue.queue = QUEUE + 1;
    put_accepted(1);
    put(&mark);
    put(&verdict);
    put(&queue);
    put_accepted(5);
    put_accepted(6);
    ck_assert_str_eq(what_is_sent(), "b1 b2 b3 b4 b6");
}
END_TEST

START_TEST(test_packet_behind_outstanding_ones_goes_alone)
{
    struct nfqueue_verdict behind = accepted(3);

    behind.none_before = false;
    put_accepted(1);
    put(&behind);
    put_accepted(4);
    put_accepted(5);
    ck_assert_str_eq(what_is_sent(), "b1 v3 b5");
}
END_TEST

START_TEST(test_changed_packet_goes_alone)
{
    put_accepted(1);
    put_changed(2);
    put_accepted(3);
    ck_assert_str_eq(what_is_sent(), "b1 v2 b3");
}
END_TEST

START_TEST(test_earlier_packet_does_not_move_the_batch_back)
{
    put_accepted(5);
    put_accepted(3);
    put_accepted(6);
    ck_assert_str_eq(what_is_sent(), "b5 b6");
}
END_TEST

START_TEST(test_what_the_kernel_did_not_take_stays_in_order)
{
    put_accepted(1);
    put_changed(2);
    ck_assert_int_lt(nfqueue_flush(-1, &batch), 0);
    put_accepted(3);
    put_accepted(4);
    ck_assert_str_eq(what_is_sent(), "b1 v2 b4");
}
END_TEST

/* When the timer has sent the batch, only the last message is kept. */
START_TEST(test_last_message_is_kept_and_extended)
{
    struct nfqueue_verdict other = accepted(2);

    other.mark = 9;
    put_accepted(1);
    put(&other);
    nfqueue_keep_last(&batch);
    other.id = 3;
    put(&other);
    ck_assert_str_eq(what_is_sent(), "b3");
}
END_TEST

int main(void)
{
    struct runner runner = runner_make("verdicts", setup, NULL, 0);
    const TTest *const tests[] = {
        test_run_of_equal_verdicts_is_one_message,
        test_ids_wrap_around,
        test_other_verdict_begins_another_message,
        test_packet_behind_outstanding_ones_goes_alone,
        test_changed_packet_goes_alone,
        test_earlier_packet_does_not_move_the_batch_back,
        test_what_the_kernel_did_not_take_stays_in_order,
        test_last_message_is_kept_and_extended,
    };

    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
        runner_add(&runner, tests[i], 1);
    return runner_run(&runner);
}
