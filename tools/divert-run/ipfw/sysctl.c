/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The sysctl variables of ipfw. Those that have a meaning here change the model, the others are
 * only stored.
 */
#include "ipfw/sysctl.h"

#include <stdlib.h>
#include <string.h>

/* Their values on FreeBSD. */
static const struct {
    const char *name;
    unsigned value;
} variables[IPFW_VARIABLES] = {
    [IPFW_ACK_LIFETIME] = {"dyn_ack_lifetime", 300},
    [IPFW_SYN_LIFETIME] = {"dyn_syn_lifetime", 20},
    [IPFW_FIN_LIFETIME] = {"dyn_fin_lifetime", 1},
    [IPFW_RST_LIFETIME] = {"dyn_rst_lifetime", 1},
    [IPFW_UDP_LIFETIME] = {"dyn_udp_lifetime", 10},
    [IPFW_SHORT_LIFETIME] = {"dyn_short_lifetime", 5},
    [IPFW_ENABLE] = {"enable", 1},
    {"one_pass", 1},
    {"verbose", 0},
    {"verbose_limit", 0},
    {"debug", 0},
    {"autoinc_step", RULE_NUMBER_STEP},
    {"default_rule", RULE_DEFAULT},
    {"default_to_accept", 0},
    {"dyn_keepalive", 1},
    {"dyn_keep_states", 0},
    {"dyn_max", 16384},
    {"dyn_buckets", 256},
    {"curr_dyn_buckets", 256},
    {"dyn_count", 0},
    {"static_count", 1},
    {"tables_max", 65535},
    {"tables_sets", 0},
};

/* Index of the variable with this name, or -1. */
static int find_variable(const char *name, size_t length)
{
    static const char *const prefixes[] = {"net.inet.ip.fw.", "net.inet6.ip6.fw.", NULL};
    size_t skipped = 0;

    for (const char *const *prefix = prefixes; *prefix; prefix++) {
        if (strncmp(name, *prefix, strlen(*prefix)) == 0)
            skipped = strlen(*prefix);
    }
    for (int i = 0; skipped && i < IPFW_VARIABLES; i++) {
        if (strlen(variables[i].name) == length - skipped &&
            memcmp(variables[i].name, name + skipped, length - skipped) == 0)
            return i;
    }
    return -1;
}

unsigned ipfw_variable(const struct ipfw_model *model, enum ipfw_variable variable)
{
    if (variable == IPFW_ENABLE)
        return !model->off;
    return model->variables_set & 1u << variable ? model->variables[variable]
                                                 : variables[variable].value;
}

static void set_variable(struct ipfw_model *model, int variable, unsigned value)
{
    if (variable == IPFW_ENABLE)
        model->off = !value;
    model->variables[variable] = value;
    model->variables_set |= 1u << variable;
}

bool ipfw_sysctl(struct ipfw_model *model, const char *word, bool bare, struct text *out)
{
    size_t length = strcspn(word, "=");
    int variable = find_variable(word, length);
    unsigned before;

    if (variable < 0)
        return false;
    before = ipfw_variable(model, (enum ipfw_variable)variable);
    if (word[length]) {
        long value = name_to_number(word + length + 1, INT32_MAX);

        if (value < 0)
            return false;
        set_variable(model, variable, (unsigned)value);
    }
    if (!bare)
        text_add(out, "%.*s: ", (int)length, word);
    text_add(out, "%u", before);
    if (word[length])
        text_add(out, " -> %u", ipfw_variable(model, (enum ipfw_variable)variable));
    text_add(out, "\n");
    return true;
}
