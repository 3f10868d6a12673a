/* SPDX-License-Identifier: BSD-2-Clause */
/* What commands of ipfw(8) work on, and what they answer. */
#ifndef DIVERT_RUN_MODEL_H
#define DIVERT_RUN_MODEL_H

#include "ipfw/table.h"
#include "language/parser.h"

/* Variables of the kernel, net.inet.ip.fw.*: those that mean something here come first. */
enum ipfw_variable {
    IPFW_ACK_LIFETIME, /* seconds, of dynamic rules */
    IPFW_SYN_LIFETIME,
    IPFW_FIN_LIFETIME,
    IPFW_RST_LIFETIME,
    IPFW_UDP_LIFETIME,
    IPFW_SHORT_LIFETIME,
    IPFW_ENABLE,
    IPFW_VARIABLES = 23
};

/* Zeroed memory is what ipfw begins with: no rule but the default, all sets enabled. */
struct ipfw_model {
    struct ruleset rules; /* of all sets */
    struct ipfw_tables tables;
    uint32_t disabled_sets; /* a bit for each */
    bool off;               /* "disable firewall": no rule is in force */
    uint32_t variables_set; /* a bit for each that was set */
    unsigned variables[IPFW_VARIABLES];
};

/*
 * IPFW_FAILED: the command is right, but ipfw would have failed, too: there is no such rule, or a
 * thing is there already. IPFW_REFUSED: it is wrong, or cannot be done here.
 */
enum ipfw_result { IPFW_DONE, IPFW_NOTHING, IPFW_FAILED, IPFW_REFUSED };

/* Zeroed memory is an empty answer; ipfw_reply_free() releases it. */
struct ipfw_reply {
    struct text out, err;    /* what ipfw prints; the latter explains IPFW_FAILED */
    int status;              /* with which ipfw ends */
    struct rule_error error; /* of IPFW_REFUSED */
    bool placeless;          /* the error is about the whole command */
};

/* The value that it was set to, or FreeBSD's. */
unsigned ipfw_variable(const struct ipfw_model *model, enum ipfw_variable variable);

void ipfw_reply_free(struct ipfw_reply *reply);
void ipfw_model_free(struct ipfw_model *model);

#endif
