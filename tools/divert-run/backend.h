/*
 * The two packet filters that can carry the rules. The text half (dialect and generator) touches
 * nothing; the other half runs nft or iptables-restore.
 */
#ifndef DIVERT_RUN_BACKEND_H
#define DIVERT_RUN_BACKEND_H

#include "plan.h"

#include <sys/types.h>

struct filter_options {
    uint32_t mark_mask;     /* 16 bits side by side: where the tag is in the mark */
    unsigned int listeners; /* queues for each divert port, 1 at least */
    bool no_bpf;            /* iptables: the bpf match is not there */
    bool no_defrag;         /* nothing is there that turns on reassembly alone */
    char id[5];             /* four hexadecimal digits, in the names of all that is ours */
    char owner[96];         /* comment by which leftovers are recognised */
    unsigned int tag_base;  /* iptables: the last tag of the runs before this one */
    /* iptables: where in the base chain the list goes and where the end of all lists, counted from
     * 1; by family (1 for IPv6) and enum hook. 0 stands for the first and second place. */
    unsigned int list_at[2][2], end_at[2][2];
};

/*
 * The firewall's text for RULES. For iptables, FAMILY is 4 or 6. Returns false, with *too_long set,
 * when a rule has more lists than chains can be nested.
 */
bool nft_text(const struct ruleset *rules, const struct filter_options *options, struct text *out,
              const struct rule **too_long);
bool iptables_text(const struct ruleset *rules, const struct filter_options *options, int family,
                   struct text *out, const struct rule **too_long);

unsigned int mark_shift(uint32_t mask);
bool mark_mask_valid(uint32_t mask);

/* "100 divert 8668 ip from any to any", for comments. */
void rule_comment(const struct rule *rule, struct text *out);

#endif
