/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of pf/ share: words, the parts of the parser, and lists written out. */
#ifndef DIVERT_RUN_PF_PRIVATE_H
#define DIVERT_RUN_PF_PRIVATE_H

#include "pf/pf.h"

/* The parser of a statement. Like all functions here that can fail, its parts return false and fill
 * in the parser's error. */
struct pf_parser {
    struct parser p; /* without a rule: what is read goes into pf */
    struct pf_ruleset *set;
    struct pf_rule *pf;
    bool quoted;            /* the current word was in quotation marks, which are removed */
    unsigned nesting;       /* of lists around it */
    size_t first_item;      /* index of the clause's first item for the host being read */
    bool on_egress;         /* the rule is "on egress" */
    bool is_rule;           /* pf is a rule, to be added */
    bool scrub;             /* it is an old scrub rule */
    int family;             /* of antispoof */
    struct pf_table *table; /* that is being read */
};

/* lex.c: braces, brackets, commas and operators are words of their own. */
bool pf_lex_start(struct pf_parser *pp, const char *text);
bool pf_lex_next(struct pf_parser *pp);
bool pf_lex_at(const struct pf_parser *pp, const char *keyword);
/* Skips KEYWORD if it is the current word, as *found tells. */
bool pf_lex_skip(struct pf_parser *pp, const char *keyword, bool *found);
/* Skips KEYWORD, which must be the current word. */
bool pf_lex_expect(struct pf_parser *pp, const char *keyword);
/* Skips all to the bracket or brace that closes the current one. */
bool pf_lex_skip_brackets(struct pf_parser *pp);
bool pf_lex_in(const struct pf_parser *pp, const char *const *keywords);
/* Is the current word an operator, brace, bracket or comma? */
bool pf_lex_is_mark(const struct pf_parser *pp);
/* Copies the current word, which must not be a mark, and skips it. WHAT says what is expected. The
 * caller frees it. */
bool pf_lex_word(struct pf_parser *pp, const char *what, char **word);

/* Parses one item, or a list of them in braces, with or without commas, by calls of item(). A list
 * may be in a list. */
typedef bool pf_item_parser(struct pf_parser *pp);
bool pf_lex_list(struct pf_parser *pp, pf_item_parser *item);

/* notes.c: adds a note on the current statement. */
void pf_warn(struct pf_ruleset *pf, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void pf_note(struct pf_ruleset *pf, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* source.c, macros.c */
/* Appends TEXT to OUT, its macros replaced. False: one cannot be, and OUT is TEXT itself. */
bool pf_macros_replace(const struct pf_ruleset *pf, const char *text, struct text *out,
                       struct rule_error *error);
/* False: TEXT defines no macro. */
bool pf_macro_define(struct pf_ruleset *pf, const char *text);
void pf_macros_free(struct pf_ruleset *pf);

/* rule.c: parts of rules are appended; all memory is the rule's. */
struct pf_clause *pf_add_clause(struct pf_rule *pf, enum clause_kind kind);
/* Appends an item to the newest clause. */
struct pf_item *pf_add_item(struct pf_rule *pf, enum clause_kind kind, bool negated);
/* Appends a zeroed atom. */
struct rule_atom *pf_item_atom(struct pf_item *item);
/* The item of the newest clause that is its kind, neither negated nor of a table. */
struct pf_item *pf_plain_item(struct pf_rule *pf);
const struct pf_clause *pf_find_clause(const struct pf_rule *pf, enum clause_kind kind);
/* 4 or 6 if the rule is about that family only, else 0. */
int pf_rule_family(const struct pf_rule *pf);
/* The only protocol of the rule, or -1. */
int pf_rule_proto(const struct pf_rule *pf);
void pf_copy_clause(struct pf_rule *pf, const struct pf_clause *clause);
struct pf_rule *pf_rule_make(void);
void pf_rule_free(struct pf_rule *pf);

/* parse.c: pass, block, match and scrub; what is parsed is pp->pf. */
bool pf_parse_rule(struct pf_parser *pp);
/* From the direction to the end of the hosts. */
bool pf_parse_filter(struct pf_parser *pp);

/* interfaces.c: after "on" and "received-on". */
bool pf_parse_interfaces(struct pf_parser *pp, enum clause_kind kind);
/*
 * Calls add() with the name of each interface that NAME stands for now, or may later: a group
 * stands for several. Returns how many there are.
 */
typedef void pf_name_adder(void *context, const char *name);
size_t pf_interfaces_of(const char *name, pf_name_adder *add, void *context);
bool pf_interface_name_ok(const struct word *word);

/* addresses.c */
int pf_address_family(const struct rule_addr *addr);
/* Modifiers after the name of an interface. */
struct pf_modifiers {
    bool network, broadcast, peer, first;
};
/* Cuts the modifiers off S. False: one is unknown. */
bool pf_cut_modifiers(char *s, struct pf_modifiers *modifiers);
typedef void pf_address_adder(void *context, const struct rule_addr *addr);
/* Each calls add() for each address, of FAMILY unless that is 0, and returns how many there are. */
size_t pf_interface_addresses(const char *name, const struct pf_modifiers *modifiers, int family,
                              pf_address_adder *add, void *context);
size_t pf_host_addresses(const char *name, int family, pf_address_adder *add, void *context);
/* fe80::/10, which belongs to all interfaces. */
bool pf_is_link_local(const struct rule_addr *addr);
size_t pf_range_addresses(const struct rule_addr *from, const struct rule_addr *to,
                          pf_address_adder *add, void *context);
/*
 * Reads a.b.c.d or IPv6, with or without /length; 10/8 is short for 10.0.0.0/8. False: it is
 * neither; *bad_mask: only the part after the address is wrong.
 */
bool pf_read_network(const char *s, struct rule_addr *addr, bool *bad_mask);

/* hosts.c: the hosts after "from" and "to". */
bool pf_parse_hosts(struct pf_parser *pp, enum clause_kind kind);
/* Called after all hosts. False: the source and the destination have no family in common. */
bool pf_check_hosts(struct pf_parser *pp);

/* ports.c: numbers after "port", "user" and "group". */
bool pf_parse_ports(struct pf_parser *pp, enum clause_kind kind);
bool pf_parse_users(struct pf_parser *pp, enum clause_kind kind);

/* tables.c */
bool pf_parse_table(struct pf_parser *pp);
bool pf_read_table_name(struct pf_parser *pp, char **name);
/* Gives the item the addresses of its table, in a list of RULES. A table that is not there is
 * empty. */
void pf_table_resolve(struct pf_ruleset *set, struct pf_item *item, struct ruleset *rules);
void pf_tables_free(struct pf_ruleset *set);

/* options.c: options after the hosts. icmp.c, state.c: some of them. */
bool pf_parse_options(struct pf_parser *pp);
bool pf_parse_icmptypes(struct pf_parser *pp, enum clause_kind kind);
bool pf_parse_state(struct pf_parser *pp);
/* The code of an ICMP unreachable, or an ICMPv6 one, by name or number; -1: it is none. */
int pf_unreachable_code(bool six, const char *name);
/* The parts of scrub; in old scrub rules up to the end. */
bool pf_parse_scrub(struct pf_parser *pp);
bool pf_at_scrub(const struct pf_parser *pp);
bool pf_parse_scrub_part(struct pf_parser *pp);

/*
 * refuse.c: what is not supported, and how Linux does it. False, with nothing filled in, if the
 * current word is none of these.
 */
bool pf_refuses_statement(struct pf_parser *pp);
bool pf_refuses_option(struct pf_parser *pp);

/* statement.c: takes RULE over, with the conditions of the anchors around it. */
void pf_add_rule(struct pf_ruleset *set, struct pf_rule *rule);

/* settings.c: after "set". */
bool pf_parse_set(struct pf_parser *pp);

/* anchors.c */
bool pf_parse_anchor(struct pf_parser *pp);
bool pf_close_anchor(struct pf_parser *pp);
/* Adds the conditions of the anchors around the rule. */
void pf_apply_anchors(const struct pf_ruleset *set, struct pf_rule *pf);
size_t pf_anchor_clauses(const struct pf_ruleset *set);
void pf_anchors_free(struct pf_ruleset *set);
bool pf_parse_antispoof(struct pf_parser *pp);

/* order.c: rules so that the first match decides. The caller frees the array. */
struct pf_step {
    const struct pf_rule *pf;
    bool only_tags; /* for the tag of a rule, which lasts although */
};
struct pf_order {
    struct pf_step *steps;
    size_t count;
};
void pf_order_make(const struct pf_ruleset *pf, struct pf_order *order);

/* expand.c */
/* One rule for each combination of list items, without TCP flags; at most PF_RULES_MAX + 1. The
 * caller frees the rules. */
struct pf_variants {
    struct rule *rules;
    size_t count;
    bool too_long; /* a combination has too many conditions, or exceptions in a list */
};
void pf_expand(const struct pf_rule *pf, struct pf_variants *out);

/* emit.c */
struct pf_translation {
    struct pf_order order;
    struct ruleset *out;
    bool full;                      /* there were too many */
    const struct pf_rule *too_long; /* a rule with too many conditions, or NULL */
    bool to_freebsd;                /* diverted packets are not matched again */
};
bool pf_keeps_state(const struct pf_rule *pf);
/* Append a condition to a rule. */
struct rule_atom *pf_append_clause(struct rule *rule, enum clause_kind kind, bool negated);
void pf_append_number(struct rule *rule, enum clause_kind kind, bool negated, int number);
void pf_append_tcpflags(struct rule *rule, struct rule_tcpflags flags);
/* Appends to the text of a rule. */
void pf_append_note(struct rule *rule, const char *note);
void pf_emit_rule(struct pf_translation *t, const struct rule *rule, enum rule_action action,
                  unsigned argument);
/* Emits the rule with the action of PF. */
void pf_emit_action(struct pf_translation *t, const struct pf_rule *pf, const struct rule *rule);
/* Gives packets the tag of PF. */
void pf_emit_tag(struct pf_translation *t, const struct pf_rule *pf, const struct rule *variant);
void pf_emit_max_mss(struct pf_translation *t, const struct pf_rule *pf,
                     const struct rule *variant);
/* pf_expand() */
void pf_emit_variants(struct pf_translation *t, const struct pf_rule *pf,
                      struct pf_variants *variants);

/* connections.c: packets of established connections in the direction WAY. */
void pf_emit_connections(struct pf_translation *t, enum connection way);

#endif
