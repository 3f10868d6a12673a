/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Turns rules into chains of a packet filter, in a form that nft and iptables share.
 *
 * The tag. While a packet is in our chains, the tag in its mark is its position in the list: it
 * continues at the first rule whose number is above the tag, with tag 0 at the top. A packet that
 * enters with a tag was diverted before; TAG_TOP is that of one that starts at the top.
 *
 * The chains of one hook:
 *
 * - HOOK: the entry. A packet with a tag goes to HOOK-tag. For all others the rules follow here, in
 *   order. If one of them skips others, a jump to the tree of HOOK-tag follows instead.
 *
 * - HOOK-tag: jumps to the tree (HOOK-d...) and then clears the tag, unless it is another run's.
 *
 * - HOOK-sockarg: for packets that were not diverted, of sockets with a SO_USER_COOKIE. The library
 *   gives these sockets a mark with TAG_SOCKARG. There is no such chain if no rule distinguishes
 *   these packets from others, nor from diverted ones: then they go the way of those.
 *
 * - HOOK-u...: a second tree, for packets without a tag, where these must meet other rules than
 *   diverted packets: a rule says `diverted`, or tee rules are in incoming-tee. HOOK-k... is
 *   the tree of HOOK-sockarg.
 *
 * - HOOK-dN: the rules of number N. Its first line returns unless the tag is below N.
 *
 * - HOOK-dN-M: calls the chains of numbers N to M, up to eight at each level. Its first line
 *   returns unless the tag is below M. So a rule is reached in a time logarithmic in their number,
 *   and so is the depth of nesting: nf_tables allows 16 levels, and counts a goto as one.
 *
 * - HOOK-D... and HOOK-E...: what a rule with `call` jumps to from HOOK-d... and HOOK-D...: the
 *   rules from the lowest number that is called on. `return` raises the tag to TAG_PAST_ALL, which
 *   the calling rule replaces by its own number. HOOK-U..., K... belong to HOOK-u... and HOOK-k...
 *
 * - HOOK-sK: consecutive rules that each ask for one address, or for one port. A packet is led to
 *   those that ask for its own, by a map or a tree of such chains. So it meets the same rules in
 *   the same order as if it had been compared with all.
 *
 * - HOOK-cK: one condition of a rule that takes several lines because it is a list.
 *
 * - incoming-tee: the tee rules at the head of the list, for packets without a tag, if the back end
 *   can see fragments before they are reassembled. Such packets do not meet these rules again.
 *
 * - HOOK-checkK: leads packets to the dynamic rules of a flow, and those to the action of the rule
 *   that made them. Rules that make dynamic rules, or look for them, stand in trees only.
 *
 * A rule leaves the list, or skips part of it, by raising the tag and returning.
 *
 * All packets meet the lists of all runs, in the order in which the runs started. The rules of each
 * have higher numbers than those of the run before it: a packet with a tag of a later run passes
 * all rules of an earlier one, and keeps its tag. A run clears its own tags at the end of its list,
 * so that a packet that it accepted is new to the next run.
 */
#ifndef DIVERT_RUN_PLAN_H
#define DIVERT_RUN_PLAN_H

#include "rule/rule.h"
#include "util/text.h"

#define PLAN_FANOUT     8
#define PLAN_LISTS_MAX  6
#define PLAN_CALLS_MAX  2 /* within each other; more are not followed */
#define CHAIN_NAME_SIZE 29

enum hook { HOOK_IN, HOOK_OUT };

struct counters;

/* How long dynamic rules last without a packet, in seconds: net.inet.ip.fw.dyn_*_lifetime. */
struct dynamic_lifetimes {
    unsigned ack, syn, fin, rst, udp, other; /* the last is called "short" there */
};
#define DYNAMIC_MAX 16384 /* of one rule at a time, as net.inet.ip.fw.dyn_max */

/* What a back end needs to know beside the rules. */
struct filter_options {
    uint32_t mark_mask; /* bits of the tag in the mark, see mark.h */
    uint32_t tag_mask;  /* bits of the mark for tags of packets, outside of mark_mask */
    unsigned listeners; /* queues for each divert port, at least 1 */
    bool no_bpf;        /* iptables: there is no bpf match */
    bool no_defrag;     /* no match turns on reassembly without connection tracking */
    bool xt_queue;      /* nft: queues are iptables' NFQUEUE target, in chains of their own */
    bool socket_mark;   /* injected packets get the mark of their socket behind OUTPUT */
    char id[5];         /* four hexadecimal digits, in the names of our tables and chains */
    char owner[96];     /* comment that tells whether this run is alive, see owner.h */
    struct dynamic_lifetimes lifetimes;
    unsigned tag_base;    /* tags up to this one are not of this run; its rules are numbered on */
    unsigned event_group; /* NFLOG group in which divert-run listens to events; 0: it does not */
    bool tracked; /* the run's incoming list stands behind connection tracking, with iptables in
                     mangle */
    /* Where this list stands behind those of other runs. iptables: position of its jump in the base
     * chain, from 1, by family (1 for IPv6) and enum hook, 0 for the first. nft: places between its
     * base chains and the first ones there can be. */
    unsigned list_at[2][2], place;
    struct counters *counters; /* get where the text counts packets, see counters.h; may be NULL */
};

/* A place in the chains, and what is known there about every packet. */
struct place {
    enum hook hook;
    int family;     /* 4 or 6 */
    bool diverted;  /* the packets came back from a divert socket */
    bool sockarg;   /* their socket has a SO_USER_COOKIE: never so if diverted */
    unsigned calls; /* rules called them, so many of which they did not return from */
};

/* The part of a clause that depends on the packet. */
struct match {
    enum clause_kind kind;
    bool negated;
    enum hook hook;
    int family;
    int proto; /* of a port: the rule's protocol, -1 for tcp and udp */
    unsigned count;
    const struct rule_atom *atoms[RULE_ATOMS_MAX];
    const struct address_list *list; /* instead of atoms: any of its addresses of the family */
};

/* Conditions in the words of a back end. */
struct condition {
    int proto;      /* the text holds only where the line names this protocol; -1: any */
    unsigned slots; /* bits of what a line can contain only once */
    char *text;
    struct conditions *below; /* if not NULL, one of these must hold, too; all need SLOTS */
};

struct conditions {
    struct condition *items;
    size_t count;
};

/* Takes TEXT over and empties it. The condition that is returned holds until the next one. */
struct condition *conditions_add(struct conditions *list, int proto, unsigned slots,
                                 struct text *text);
void conditions_free(struct conditions *list);

struct plan;
struct chain;

/* The language of a back end. */
struct dialect {
    const char *hook_names[2];
    bool both_families;   /* one set of chains for IPv4 and IPv6 */
    uint32_t mark_mask;   /* where the tag is in the mark */
    uint32_t packet_tags; /* bits of the mark for them */
    bool events;          /* divert-run listens to events */
    /* Adds the conditions any of which makes MATCH true, its negation left aside. */
    void (*alternatives)(const struct match *match, struct conditions *out);
    /* Adds the one condition that holds if MATCH does not; or adds none, if that takes more. */
    void (*inverse)(const struct match *match, struct conditions *out);
    /* Adds the conditions any of which holds when the tag is at least N; when it is N. */
    void (*tag_at_least)(const struct dialect *self, unsigned n, struct conditions *out);
    void (*tag_is)(const struct dialect *self, unsigned n, bool inverted, struct text *out);
    /* A map from an address or a port to the chain for it, up to the brace; and a key of it. NULL:
     * there are none. */
    void (*map_begin)(enum clause_kind field, int family, struct text *out);
    void (*map_key)(enum clause_kind field, const struct rule_atom *atom, struct text *out);
    void (*proto)(int proto, struct text *out);
    void (*family)(int family, struct text *out);
    /* A condition that never holds and yet makes the kernel reassemble fragments; NULL: there is
     * none. */
    const char *defrag;
    /* The early chain can be had: it sees incoming packets before reassembly, and before the lists
     * of other runs. */
    bool early;
    const struct dynamic_lifetimes *lifetimes;
    /* Appends the making of a dynamic rule; what follows is the action. NULL: there are none. */
    void (*state_make)(const struct plan *plan, struct chain *chain, const struct rule *rule);
    /* Fills a chain that leads packets to the dynamic rules made by those of the plan's rules that
     * have a flow of the check. */
    void (*state_check)(struct plan *plan, struct chain *chain, const struct rule_state *check);
};

enum verdict { VERDICT_NONE, VERDICT_RETURN, VERDICT_DROP, VERDICT_JUMP, VERDICT_GOTO };

enum op_kind {
    OP_SET_TAG,
    OP_QUEUE,
    OP_COPY,     /* to the NFLOG group of a divert port */
    OP_EVENT,    /* of the line's rule; value is an enum event_kind */
    OP_SET_BITS, /* of the mark */
    OP_CLEAR_BITS,
    OP_SET_DSCP,
    OP_SET_DSCP6, /* of an IPv6 packet */
    OP_SET_MSS,   /* only of a packet that has a higher one */
};

struct op {
    enum op_kind kind;
    unsigned value;
};

struct line {
    char *condition; /* may be empty */
    struct op ops[6];
    unsigned op_count;
    enum verdict verdict;
    char target[CHAIN_NAME_SIZE]; /* of a jump or goto */
    const struct rule *rule;      /* that it stems from, or NULL */
    bool counts;                  /* it is the rule's action */
};

struct chain {
    char name[CHAIN_NAME_SIZE];
    enum hook hook;
    const struct rule *rule; /* that all of its lines stem from, or NULL */
    struct line *lines;
    size_t count;
};

struct plan {
    const struct dialect *dialect;
    const struct ruleset *rules;
    int family;          /* 4, 6; 0: both */
    char prefix[16];     /* of all chain names */
    bool defrag;         /* a rule may divert incoming packets */
    size_t early;        /* tee rules among so many at the head copy before reassembly */
    unsigned lists;      /* numbers the HOOK-cK chains */
    unsigned selections; /* and the HOOK-sK chains */
    struct chain
        *called[2][3][PLAN_CALLS_MAX]; /* trees of calls: by hook, HOOK-d, -u or -k, depth */
    bool *checks;                      /* of each rule: packets look for dynamic rules there */
    struct state_chain *state_chains;
    size_t state_chain_count;
    unsigned end;                /* the tag of a packet that has left the list: of its last rule */
    const struct rule *too_long; /* has more lists than can be nested; the plan is of no use */
    struct chain **chains;
    size_t count;
};

/* The chain that looks for the dynamic rules of a flow. */
struct state_chain {
    enum hook hook;
    const struct rule_state *check;
    struct chain *chain;
};

/* Where a rule stands, which says how a packet leaves the list there. */
enum standing {
    STANDING_IN_TREE, /* it has a tag, and returns */
    STANDING_CALLED,  /* the same in the tree of a call */
    STANDING_FLAT,    /* it has none, and a return leaves the list */
    STANDING_BELOW,   /* it has none until it leaves, in a chain that a flat one jumps to */
};

/* ---- building chains ---- */

/* Adds an empty chain, whose name ends in FMT. The plan owns it. */
struct chain *plan_chain(struct plan *plan, enum hook hook, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Appends a line with CONDITION, which may be empty. The pointer holds until the next line. */
struct line *chain_line(struct chain *chain, const char *condition);
void line_op(struct line *line, enum op_kind kind, unsigned value);
void line_goto(struct line *line, enum verdict verdict, const struct chain *target);
/* Gives the line the action of a rule for packets of the family. */
void plan_action(const struct plan *plan, struct line *line, const struct rule *rule, int family,
                 enum standing standing);

/* ---- questions about rules ---- */

/* The first rule that makes or looks for dynamic rules, or NULL. */
const struct rule *ruleset_state_rule(const struct ruleset *rules);
/* Does a rule of the set make dynamic rules of a flow that CHECK looks for? */
bool rule_makes_state(const struct rule *rule, const struct rule_state *check);
/* Does a rule ask connection tracking? Then incoming packets must meet the rules behind it. */
bool ruleset_tracks(const struct ruleset *rules);
/* The first rule that only nft can hold, or NULL. */
const struct rule *ruleset_nft_rule(const struct ruleset *rules);
/* Does a rule change the DSCP of incoming packets? Then these must meet the rules in iptables'
 * table mangle. */
bool ruleset_sets_dscp(const struct ruleset *rules);
/* Are there packets of that family that it is for? Diverted or not, in either hook. */
bool rule_has_family(const struct rule *rule, int family);
bool ruleset_has_family(const struct ruleset *rules, int family);

/* Fills PLAN, whose dialect, rules, family and prefix are set. Give it to plan_free() in the end.
 */
void plan_make(struct plan *plan);
void plan_free(struct plan *plan);

#endif
