/* SPDX-License-Identifier: BSD-2-Clause */
/* Chooses the packet filter, and installs, shows and removes rules with it. */
#include "filter.h"

#include "events/events.h"
#include "nft/nft.h"
#include "rule/packet_tags.h"
#include "util/message.h"
#include "util/owner.h"
#include "util/rights.h"
#include "util/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static const struct rule *first_ipv6_only_rule(const struct ruleset *rules)
{
    for (size_t i = 0; i < rules->count; i++) {
        if (rule_has_family(rules->rules[i], 6) && !rule_has_family(rules->rules[i], 4))
            return rules->rules[i];
    }
    return NULL;
}

static void report_no_tool(enum filter_kind kind)
{
    message_error(kind == FILTER_NFT        ? "nft is not installed"
                  : kind == FILTER_IPTABLES ? "iptables is not installed"
                                            : "neither nft nor iptables is installed; rules need "
                                              "one of them (packages nftables, iptables)");
}

static bool iptables_installed(void)
{
    return tool_installed("iptables-restore") || tool_installed("iptables-nft-restore") ||
           tool_installed("iptables-legacy-restore");
}

/* A tool that is not installed says nothing about the kernel. */
static void report_no_queue(enum filter_kind kind, const char *nft, const char *iptables)
{
    bool have_nft = kind != FILTER_IPTABLES && tool_installed("nft");
    bool have_iptables = kind != FILTER_NFT && iptables_installed();

    if (!have_nft && !have_iptables) {
        report_no_tool(kind);
        return;
    }
    if (have_nft)
        message_error("nft cannot queue packets: %s", nft);
    else if (kind != FILTER_IPTABLES)
        message_error("nft is not installed");
    if (have_iptables)
        message_error("iptables cannot queue packets: %s", iptables);
    else if (kind != FILTER_NFT)
        message_error("iptables is not installed");
    message_error("NFQUEUE needs CONFIG_NETFILTER_NETLINK_QUEUE (module nfnetlink_queue) in the "
                  "kernel, and %s; try 'modprobe -a %s'",
                  !have_iptables ? "CONFIG_NFT_QUEUE (nft_queue)"
                  : !have_nft    ? "CONFIG_NETFILTER_XT_TARGET_NFQUEUE (xt_NFQUEUE)"
                                 : "either CONFIG_NFT_QUEUE (nft_queue) or "
                                   "CONFIG_NETFILTER_XT_TARGET_NFQUEUE (xt_NFQUEUE)",
                  !have_iptables ? "nfnetlink_queue nft_queue"
                  : !have_nft    ? "nfnetlink_queue xt_NFQUEUE"
                                 : "nfnetlink_queue nft_queue xt_NFQUEUE");
}

static bool choose_nft(struct filter *filter, bool xt_queue, struct text *why)
{
    struct text reason = {0};
    bool works = filter->kind != FILTER_IPTABLES &&
                 (xt_queue ? nft_probe_xt_queue(&reason) : nft_probe(&reason));

    if (works) {
        filter->kind = FILTER_NFT;
        filter->options.xt_queue = xt_queue;
    } else if (!why->len) {
        text_add(why, "%s", text_str(&reason));
    }
    text_free(&reason);
    return works;
}

static bool choose_iptables(struct filter *filter, const struct ruleset *rules, struct text *why)
{
    bool works = filter->kind != FILTER_NFT && iptables_probe(&filter->iptables, &filter->options,
                                                              first_ipv6_only_rule(rules), why);

    if (works)
        filter->kind = FILTER_IPTABLES;
    return works;
}

/* Some words work with nft only. */
static bool restrict_backend(struct filter *filter, const struct ruleset *rules)
{
    const struct rule *state = ruleset_state_rule(rules);
    const struct rule *rule = state ? state : ruleset_nft_rule(rules);

    if (!rule)
        return true;
    if (filter->kind == FILTER_IPTABLES) {
        message_error("rule %u: '%s': iptables has no %s; use --backend nft", rule->number,
                      rule->text, state ? "dynamic rules" : "match for IP options");
        return false;
    }
    filter->kind = FILTER_NFT;
    return true;
}

/* Packet tags have no bits of the mark unless the user gives some. */
static bool assign_packet_tags(const struct filter *filter, const struct ruleset *rules)
{
    const struct filter_options *options = &filter->options;
    const struct rule *rule = packet_tags_assign(rules, options->tag_mask);
    unsigned needed = packet_tags_count(rules);

    if (options->tag_mask & options->mark_mask) {
        message_error("--tag-mask 0x%08x: expected bits that are not in --mark-mask 0x%08x",
                      options->tag_mask, options->mark_mask);
        return false;
    }
    if (rule)
        message_error("rule %u: '%s': each tag needs a bit of the packet mark, %u for these rules; "
                      "name bits that nothing else uses, such as --tag-mask 0x%04x",
                      rule->number, rule->text, needed, needed < 32 ? (1u << needed) - 1 : 0xffff);
    return !rule;
}

static bool choose_backend(struct filter *filter, const struct ruleset *rules)
{
    struct text nft = {0}, iptables = {0};
    bool found = choose_nft(filter, false, &nft) || choose_iptables(filter, rules, &iptables) ||
                 choose_nft(filter, true, &nft);

    if (!found)
        report_no_queue(filter->kind, text_str(&nft), text_str(&iptables));
    text_free(&nft);
    text_free(&iptables);
    return found;
}

static int report_too_many_lists(const struct rule *rule)
{
    message_error("rule %u: '%s': more than %d lists in one rule; split it", rule->number,
                  rule->text, PLAN_LISTS_MAX);
    return STATUS_USAGE;
}

static void choose_id(struct filter *filter)
{
    owner_self(filter->options.owner, sizeof(filter->options.owner));
    do
        owner_new_id(filter->options.id);
    while (filter->kind == FILTER_NFT ? nft_id_taken(filter->options.id)
                                      : iptables_id_taken(&filter->iptables, filter->options.id));
}

/*
 * Only one run at a time may look for its place, install or remove rules: numbers, places and
 * positions are valid under this lock only. -1: there is no lock.
 */
static int lock_rules(void)
{
    int fd = open("/run/divert-run.lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

    if (fd < 0) /* root of a user namespace */
        fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        while (flock(fd, LOCK_EX) < 0 && errno == EINTR)
            ;
    }
    return fd;
}

static void unlock_rules(int lock)
{
    if (lock >= 0)
        close(lock);
}

static int refuse_place(const struct filter *filter, const struct owner_tags *others,
                        const char *elsewhere)
{
    const struct filter_options *options = &filter->options;

    if (elsewhere)
        message_error("another divert-run has its rules in %s; give both the same --backend",
                      elsewhere);
    else if (others->masks_differ || (others->runs && others->mask != options->mark_mask))
        message_error("another divert-run uses other bits of the packet mark than 0x%08x; give "
                      "both the same --mark-mask",
                      options->mark_mask);
    else if (options->place >= NFT_PLACES)
        message_error("no room for another divert-run: %u started since the oldest one that runs",
                      options->place);
    else
        return 0;
    return STATUS_FAILED;
}

static bool is_late(const struct filter *filter, const struct ruleset *rules)
{
    return ruleset_tracks(rules) || (filter->kind != FILTER_NFT && ruleset_sets_dscp(rules));
}

/* The rules of this run come after those of earlier runs, and have higher numbers. */
static int place_behind_other_runs(struct filter *filter, struct ruleset *rules)
{
    struct filter_options *options = &filter->options;
    struct owner_tags others = {.before = UINT_MAX};
    const char *elsewhere;
    int status;

    options->tracked = is_late(filter, rules);
    if (filter->kind == FILTER_NFT) {
        nft_survey(options, &others);
        elsewhere = iptables_has_runs() ? "iptables" : NULL;
    } else {
        iptables_survey(&filter->iptables, options, &others);
        elsewhere = nft_has_runs() ? "nft" : NULL;
    }
    status = refuse_place(filter, &others, elsewhere);
    if (status)
        return status;
    options->tag_base = others.runs ? others.last + 1 : 0;
    if (!ruleset_renumber(rules, options->tag_base)) {
        message_error("other divert-runs use the rule numbers up to %u, which leaves no room for "
                      "these rules; use lower numbers",
                      others.last);
        return STATUS_FAILED;
    }
    owner_add_tags(options->owner, sizeof(options->owner), options->tag_base + 1,
                   ruleset_last(rules), options->mark_mask);
    return 0;
}

static int generate_text(const struct filter *filter, const struct ruleset *rules, int family,
                         struct text *out)
{
    const struct rule *too_long = NULL;

    if (filter->kind == FILTER_NFT)
        nft_text(rules, &filter->options, out, &too_long);
    else
        iptables_text(rules, &filter->options, family, out, &too_long);
    return too_long ? report_too_many_lists(too_long) : 0;
}

static int install_with_nft(const struct filter *filter, const struct ruleset *rules)
{
    struct text text = {0};
    int status = generate_text(filter, rules, 0, &text);

    if (!status)
        status = nft_install(text_str(&text), rules, &filter->options);
    text_free(&text);
    return status;
}

static int install_with_iptables(struct filter *filter, const struct ruleset *rules)
{
    struct text texts[2] = {0};
    int status = 0;

    for (int i = 0; i < 2 && !status; i++) {
        if (filter->iptables.families[i])
            status = generate_text(filter, rules, i ? 6 : 4, &texts[i]);
    }
    if (status)
        filter->iptables.families[0] = filter->iptables.families[1] = false;
    for (int i = 0; i < 2 && !status; i++) {
        if (filter->iptables.families[i])
            status = iptables_install(&filter->iptables, i ? 6 : 4, text_str(&texts[i]));
    }
    if (status)
        iptables_remove(&filter->iptables, filter->options.id);
    else if (filter->options.socket_mark)
        filter->options.socket_mark = nft_injected_install(filter->options.mark_mask);
    text_free(&texts[0]);
    text_free(&texts[1]);
    return status;
}

static void look_at_kernel(struct filter_generation *now)
{
    now->nft = nft_generation();
    iptables_legacy_sizes(now->legacy);
}

int filter_install(struct filter *filter, struct ruleset *rules)
{
    int lock, status;

    if (!rights_check("rules"))
        return STATUS_FAILED;
    for (int i = 0; i < 2; i++)
        filter->iptables.families[i] = ruleset_has_family(rules, i ? 6 : 4);
    if (!restrict_backend(filter, rules) || !assign_packet_tags(filter, rules))
        return STATUS_USAGE;
    if (!choose_backend(filter, rules))
        return STATUS_FAILED;
    lock = lock_rules();
    nft_sweep();
    iptables_sweep();
    choose_id(filter);
    message_note("installing %zu rule%s with %s as divert-%s", rules->count,
                 rules->count == 1 ? "" : "s",
                 filter->kind == FILTER_NFT ? "nft" : filter->iptables.tools->restore[0],
                 filter->options.id);
    status = place_behind_other_runs(filter, rules);
    filter->options.counters = &filter->counters;
    filter->options.socket_mark = nft_probe_injected(filter->options.id);
    if (!status)
        status = filter->kind == FILTER_NFT ? install_with_nft(filter, rules)
                                            : install_with_iptables(filter, rules);
    look_at_kernel(&filter->seen);
    unlock_rules(lock);
    counters_sort(&filter->counters);
    return status;
}

bool filter_changed(struct filter *filter)
{
    struct filter_generation now;
    bool changed;

    look_at_kernel(&now);
    changed = memcmp(&now, &filter->seen, sizeof(now)) != 0;
    filter->seen = now;
    return changed;
}

bool filter_in_place(const struct filter *filter)
{
    if (filter->kind == FILTER_NFT)
        return nft_in_place(filter->options.id);
    return iptables_in_place(&filter->iptables, &filter->options) &&
           (!filter->options.socket_mark || nft_injected_exists());
}

/* Removes what is left first. The numbers stay, since the command has them. */
int filter_restore(struct filter *filter, const struct ruleset *rules)
{
    struct owner_tags others = {.before = filter->options.tag_base + 1};
    int lock = lock_rules(), status;

    counters_free(&filter->counters);
    if (filter->kind == FILTER_NFT) {
        nft_remove(filter->options.id);
        status = install_with_nft(filter, rules);
    } else {
        iptables_remove(&filter->iptables, filter->options.id);
        iptables_survey(&filter->iptables, &filter->options, &others);
        status = install_with_iptables(filter, rules);
    }
    unlock_rules(lock);
    counters_sort(&filter->counters);
    look_at_kernel(&filter->seen);
    return status;
}

/* Not before the last run that needs it ends: unregistering its hook drops all queued packets. */
static bool remove_injected(void)
{
    return !iptables_has_runs() && nft_injected_remove();
}

const char *filter_lister(const struct filter *filter)
{
    return filter->kind == FILTER_NFT ? "nft" : filter->iptables.tools->save[0];
}

bool filter_remove(struct filter *filter)
{
    int lock = lock_rules();
    bool removed = filter->kind == FILTER_NFT
                       ? nft_remove(filter->options.id)
                       : iptables_remove(&filter->iptables, filter->options.id);

    remove_injected();
    unlock_rules(lock);
    counters_free(&filter->counters);
    if (!removed)
        message_error("some rules could not be removed; try again with 'divert-run --cleanup'");
    return removed;
}

static void print_here_document(const char *command, const struct text *text)
{
    printf("%s <<'EOF'\n%sEOF\n", command, text_str(text));
}

/* A check-state rule has no counter. */
static void print_rules_without_lines(const struct counters *counters, const struct ruleset *rules)
{
    for (size_t i = 0; i < rules->count; i++) {
        struct text rule = {0};
        size_t count;

        counters_of_rule(counters, rules->rules[i], &count);
        rule_comment(rules->rules[i], &rule);
        if (!count && rules->rules[i]->action != RULE_CHECK_STATE)
            printf("# %s: no packet can match this rule\n", text_str(&rule));
        text_free(&rule);
    }
}

int filter_check(struct filter *filter, const struct ruleset *rules)
{
    static const char *const commands[2] = {"iptables-restore --wait --noflush",
                                            "ip6tables-restore --wait --noflush"};
    int status = 0;

    if (!restrict_backend(filter, rules) || !assign_packet_tags(filter, rules))
        return STATUS_USAGE;
    if (filter->kind == FILTER_AUTO)
        puts("# for nft; for iptables use --backend iptables");
    if (filter->kind == FILTER_AUTO)
        filter->kind = FILTER_NFT;
    owner_self(filter->options.owner, sizeof(filter->options.owner));
    owner_new_id(filter->options.id);
    filter->options.tracked = is_late(filter, rules);
    filter->options.event_group = EVENT_GROUP_MAX;
    filter->options.counters = &filter->counters;
    for (int i = 0; i < 2 && !status; i++) {
        struct text text = {0};
        bool nft = filter->kind == FILTER_NFT;

        if (nft ? i == 0 : ruleset_has_family(rules, i ? 6 : 4))
            status = generate_text(filter, rules, i ? 6 : 4, &text);
        if (!status && text.len)
            print_here_document(nft ? "nft -f -" : commands[i], &text);
        text_free(&text);
    }
    counters_sort(&filter->counters);
    if (!status)
        print_rules_without_lines(&filter->counters, rules);
    counters_free(&filter->counters);
    return status;
}

int filter_cleanup(void)
{
    int lock, nft, iptables;

    if (!rights_check("--cleanup: changes"))
        return STATUS_FAILED;
    lock = lock_rules();
    nft = nft_sweep();
    iptables = iptables_sweep();
    if (remove_injected() && iptables >= 0)
        iptables++;
    unlock_rules(lock);
    if (nft < 0 || iptables < 0)
        return STATUS_FAILED;
    if (nft + iptables)
        message_warning("removed the rules of a divert-run that was killed");
    else
        message_note("there is nothing to remove");
    return 0;
}
