/* SPDX-License-Identifier: BSD-2-Clause */
/* What ipfw(8) commands work on, and their replies. */
#ifndef DIVERT_RUN_MODEL_H
#define DIVERT_RUN_MODEL_H

#include "ipfw/table.h"
#include "language/parser.h"

/* sysctl variables net.inet.ip.fw.*; those that have a meaning here come first. */
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

/* Zeroed memory is the initial state: no rule but the default, all sets enabled. */
struct ipfw_model {
    struct ruleset rules; /* of all sets */
    struct ipfw_tables tables;
    uint32_t disabled_sets; /* a bit for each */
    bool off;               /* "disable firewall": no rule is in force */
    uint32_t variables_set; /* a bit for each that was set */
    unsigned variables[IPFW_VARIABLES];
};

/*
 * IPFW_FAILED: the command is valid, but would fail in ipfw, too: there is no such rule, or
 * something exists already. IPFW_REFUSED: it is invalid, or not supported.
 */
enum ipfw_result { IPFW_DONE, IPFW_NOTHING, IPFW_FAILED, IPFW_REFUSED };

/* Zeroed memory is an empty reply; ipfw_reply_free() releases it. */
struct ipfw_reply {
    struct text out, err;    /* what ipfw prints; the latter explains IPFW_FAILED */
    int status;              /* exit status of ipfw */
    struct rule_error error; /* of IPFW_REFUSED */
    bool placeless;          /* the error is about the whole command */
};

/* The value that was set, or FreeBSD's default. */
unsigned ipfw_variable(const struct ipfw_model *model, enum ipfw_variable variable);

void ipfw_reply_free(struct ipfw_reply *reply);
void ipfw_model_free(struct ipfw_model *model);

#endif
