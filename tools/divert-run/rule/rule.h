/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A rule, conditions on a packet and an action, in a form that does not depend on the language in
 * which it was written; and the ordered list of rules. Nothing here depends on netfilter.
 */
#ifndef DIVERT_RUN_RULE_H
#define DIVERT_RUN_RULE_H

#include "rule/address_list.h"
#include "util/text.h"

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RULE_NUMBER_MAX  65534
#define RULE_NUMBER_FREE 65533 /* not a rule number: as a tag it has another meaning */
#define RULE_NUMBER_STEP 100
#define RULE_DEFAULT     65535 /* the last rule of ipfw, as it is written */
#define RULE_SETS        32
#define RULE_CLAUSES_MAX 24
#define RULE_ATOMS_MAX   192
#define RULE_TEXT_MAX    4096
#define RULE_TABLES_MAX  8
#define RULE_TABLE_NAME  64 /* bytes, with the NUL */

enum rule_action {
    RULE_DIVERT,
    RULE_TEE,
    RULE_ALLOW,
    RULE_DENY,
    RULE_COUNT,
    RULE_SKIPTO,
    RULE_SETDSCP,     /* and goes on */
    RULE_SETMSS,      /* lowers the segment size in a SYN, and goes on */
    RULE_CHECK_STATE, /* looks for the dynamic rules of its flow */
    RULE_CALL,        /* goes on elsewhere, until RULE_RETURN */
    RULE_RETURN       /* behind the rule that called; goes on if none did */
};

enum clause_kind {
    CLAUSE_FAMILY, /* atoms: range.lo is 4 or 6 */
    CLAUSE_PROTO,  /* range.lo is an IP protocol number */
    CLAUSE_SRC,    /* addr */
    CLAUSE_DST,
    CLAUSE_SPORT, /* range */
    CLAUSE_DPORT,
    CLAUSE_IN, /* no atoms */
    CLAUSE_OUT,
    CLAUSE_VIA, /* ifname */
    CLAUSE_RECV,
    CLAUSE_XMIT,
    CLAUSE_DIVERTED,    /* no atoms; or range.lo is 1 for incoming only, 2 for outgoing only */
    CLAUSE_TCPFLAGS,    /* flags: the bits of mask are exactly those of value */
    CLAUSE_ESTABLISHED, /* no atoms */
    CLAUSE_ICMPTYPES,   /* range.lo */
    CLAUSE_ICMP6TYPES,
    CLAUSE_FRAG,       /* no atoms */
    CLAUSE_IPLEN,      /* range, bytes with the IP header */
    CLAUSE_CONNECTION, /* range.lo is an enum connection */
    CLAUSE_SOCKARG,    /* no atoms */
    CLAUSE_IPTTL,      /* range; the fields of the IPv4 header up to IPTOS */
    CLAUSE_IPID,
    CLAUSE_IPPRECEDENCE,
    CLAUSE_IPTOS,  /* flags */
    CLAUSE_DSCP,   /* range, of both IP versions */
    CLAUSE_TCPSEQ, /* range, as those of the TCP header that follow */
    CLAUSE_TCPACK,
    CLAUSE_TCPWIN,
    CLAUSE_TCPDATALEN, /* range, bytes behind the TCP header */
    CLAUSE_TCPMSS,     /* range, of the option; there are none without it */
    CLAUSE_TCPOPTION,  /* range.lo is the number of an option that is there */
    CLAUSE_UID,        /* id of the process that sent the packet */
    CLAUSE_GID,
    CLAUSE_REVPATH,   /* no atoms: the route to its source leads where the packet came in */
    CLAUSE_ROUTED,    /* no atoms: there is a route to its source */
    CLAUSE_FRAGFLAGS, /* flags, of enum fragment_flag; IPv4 */
    CLAUSE_IPOPTION,  /* range.lo is the number of an IPv4 option that is there */
    CLAUSE_SPOOFED,   /* pairs of addr and ifname: from that network, and not come in there */
    CLAUSE_EXT6HDR,   /* range.lo is an enum extension that is there */
    CLAUSE_FLOWID,    /* range, of IPv6 */
    CLAUSE_IPSEC,     /* no atoms: it came in by IPsec */
    CLAUSE_TAGGED,    /* bits of tags: the first atom is the mark's bits, the others tags */
    CLAUSE_PROB,      /* range.lo is the probability, RULE_PROB_ONE is always */
    CLAUSE_ICMPCODE,  /* range.lo is the type, range.hi the code */
    CLAUSE_ICMP6CODE,
};

/* What connection tracking knows of a packet. */
enum connection {
    CONNECTION_FORTH,   /* of a connection that was answered, from its initiator */
    CONNECTION_BACK,    /* of such a connection, from its responder */
    CONNECTION_RELATED, /* an ICMP error about a connection */
};

/* What the fragment field of an IPv4 header says. */
enum fragment_flag { FRAGMENT_OFFSET = 1, FRAGMENT_MF = 2, FRAGMENT_DF = 4, FRAGMENT_RF = 8 };

/* Extension headers of IPv6. */
enum extension {
    EXTENSION_FRAG,
    EXTENSION_HOPOPT,
    EXTENSION_ROUTE,
    EXTENSION_DSTOPT,
    EXTENSION_AH,
    EXTENSION_ESP,
    EXTENSION_RTHDR0,
    EXTENSION_RTHDR2
};

#define RULE_PROB_ONE 0x7fffffffu

struct rule_range {
    uint32_t lo, hi; /* host order, both included */
};

struct rule_tcpflags {
    uint8_t mask, value; /* as in the TCP header */
};

struct rule_atom {
    union {
        struct rule_addr addr;
        struct rule_range range;
        struct rule_tcpflags flags;
        char ifname[IFNAMSIZ + 1]; /* "any", or a name, or a prefix of names and '*' */
    };
};

/* One condition: any of the atoms holds, or if it is negated, none. A packet matches a rule if all
 * clauses hold. */
struct rule_clause {
    enum clause_kind kind;
    bool negated;
    unsigned first, count; /* in rule.atoms */
    /* Instead of atoms: a table, from 1 in rule.tables, and when it is resolved, its addresses. */
    unsigned table;
    const struct address_list *list; /* of the rule set */
};

/* A table that a rule names, or only its entries with one value. */
struct rule_table {
    char name[RULE_TABLE_NAME];
    bool has_value;
    uint32_t value;
};

#define RULE_FLOW_MAX 64 /* bytes of a flow's name with its NUL */

/* What `limit` counts connections by. */
enum limit_part { LIMIT_SRC_ADDR = 1, LIMIT_SRC_PORT = 2, LIMIT_DST_ADDR = 4, LIMIT_DST_PORT = 8 };

/* The dynamic rules that a rule makes or looks for. */
struct rule_state {
    bool makes;           /* one for each packet that matches the rule */
    bool checks;          /* whether there is one already, before the rule's conditions */
    bool any_flow;        /* checks those of all names */
    unsigned limit;       /* so many at most for the same parts, 0: any number */
    uint8_t parts;        /* bits of enum limit_part */
    unsigned limit_group; /* rules with the same one count together; 0: alone */
    char flow[RULE_FLOW_MAX];
};

/* What the sender of a denied packet is told. */
enum answer_kind {
    ANSWER_NONE,
    ANSWER_RESET,   /* a RST to TCP, nothing to others */
    ANSWER_RESET6,  /* the same of IPv6 only */
    ANSWER_UNREACH, /* ICMP unreachable with the code; with the code of ICMPv6 nearest to it */
    ANSWER_UNREACH6 /* ICMPv6 unreachable with the code; nothing to IPv4 */
};

struct rule_answer {
    enum answer_kind kind;
    uint8_t code;
    uint16_t mtu; /* of code 4, fragmentation needed */
};

struct rule {
    unsigned number; /* 1 to RULE_NUMBER_MAX; 0: none was given */
    enum rule_action action;
    unsigned argument;         /* divert port, target of skipto or call, DSCP, segment size */
    unsigned set;              /* below RULE_SETS */
    bool is_default;           /* written as RULE_DEFAULT: stands behind all others */
    bool tablearg;             /* the argument is the value of a table's entry */
    struct rule_answer answer; /* of RULE_DENY */
    unsigned packet_tag;       /* which the packet gets or loses, see packet_tags.h; 0: none */
    bool removes_tag;
    uint32_t tag_bit; /* its bit in the mark; 0 if no rule sets it */
    bool log;
    unsigned log_amount; /* lines at most; 0: no limit */
    unsigned pf_rule;    /* number of the rule of pf that it stems from, from 1; 0: it is ipfw's */
    struct rule_state state;
    unsigned table_count;
    struct rule_table tables[RULE_TABLES_MAX];
    unsigned clause_count, atom_count;
    struct rule_clause clauses[RULE_CLAUSES_MAX];
    struct rule_atom atoms[RULE_ATOMS_MAX];
    char text[RULE_TEXT_MAX]; /* source text without comment and surrounding blanks */
};

/* The first clause of that kind, or NULL. */
const struct rule_clause *rule_clause(const struct rule *rule, enum clause_kind kind);
/* The only protocol that the rule can match, by name or by an option that implies it; or -1. */
int rule_proto(const struct rule *rule);

/* The number that the user gave, if BASE was added to all. */
unsigned rule_shown_number(const struct rule *rule, unsigned base);
/* Appends "100 divert 8668 ip from any to any", for comments in firewall rules. */
void rule_comment(const struct rule *rule, struct text *out);

/* Rules in the order in which packets traverse them. */
struct ruleset {
    struct rule **rules;
    size_t count;
    struct address_list **lists; /* of the rules' clauses */
    size_t list_count;
};

/*
 * Adds a copy of RULE. If it has no number it gets one as in ipfw(8): RULE_NUMBER_STEP above the
 * highest so far, or the highest again if that is too high. Rules with the same number keep the
 * order in which they were added. The default rule stays the last: it has the next free number, a
 * further one replaces it. Returns the number, or 0 without adding anything if the rule is a skipto
 * whose target does not lie ahead, or if there is no number left for the default rule.
 */
unsigned ruleset_add(struct ruleset *set, const struct rule *rule);
/* Hands a list over to the rule set, which will free it. Returns it. */
const struct address_list *ruleset_own_list(struct ruleset *set, struct address_list *list);
/* Removes the rule with that index. */
void ruleset_remove(struct ruleset *set, size_t at);
/* The highest number, 0 if there is no rule. */
unsigned ruleset_last(const struct ruleset *set);
/* Adds BASE to all numbers. False, with nothing changed, if one would become invalid. */
bool ruleset_renumber(struct ruleset *set, unsigned base);
void ruleset_free(struct ruleset *set);

#endif
