/* Words of a rule with their places, for the files that parse it; pf_lex.h has other words. */
#ifndef DIVERT_RUN_RULE_LEX_H
#define DIVERT_RUN_RULE_LEX_H

#include "rule.h"

struct word {
    size_t offset, length; /* length 0: the end of the rule */
    char s[256];
};

struct parser {
    const char *text;
    struct word word; /* the one that is looked at */
    struct rule *rule;
    struct rule_error *error;
};

/* Reads the first word. All functions below return false after filling the parser's error. */
bool lex_start(struct parser *p, const char *text);
bool lex_next(struct parser *p);
/* The word after the current one. */
bool lex_peek(const struct parser *p, struct word *word);
bool lex_at(const struct parser *p, const char *keyword);
bool lex_at_end(const struct parser *p);
bool lex_in(const struct word *word, const char *const *keywords);

/* Both return false. */
bool lex_fail_at(struct parser *p, size_t offset, size_t length, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
bool lex_fail(struct parser *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * Reads a comma list, blanks allowed around the commas, and calls add() with each item. The clause
 * gets the atoms that add() makes with lex_atom().
 */
typedef bool lex_item(struct parser *p, const struct word *item, void *context);
bool lex_list(struct parser *p, lex_item *add, void *context);

/* A new clause, and a new atom of the newest clause. NULL: there are too many. */
struct rule_clause *lex_clause(struct parser *p, enum clause_kind kind, bool negated);
struct rule_atom *lex_atom(struct parser *p, const struct word *item);

/* Keeps the rule without what surrounds it, from FROM to the current word; for messages and the
 * comments of --check. */
bool lex_keep_text(struct parser *p, size_t from);

/* The current word is a divert port: the argument of the rule. */
bool parse_divert_port(struct parser *p);

/* ADDR, ADDR/LEN and, IPv4 only, ADDR/MASK and ADDR:MASK. S is cut up. */
bool read_network(char *s, struct rule_addr *addr, bool *bad_mask);

/* rule_options.c: what stands behind the destination. */
bool parse_options(struct parser *p);
bool is_option(const struct word *word);

/* rule_match.c: what both the rule's body and its options are made of. Each reads its words and
 * adds a clause. */
bool parse_proto(struct parser *p, bool negated);
bool parse_addresses(struct parser *p, enum clause_kind kind, bool negated);
bool parse_ports(struct parser *p, enum clause_kind kind, bool negated);
bool parse_ranges(struct parser *p, enum clause_kind kind, bool negated);
bool parse_icmptypes(struct parser *p, enum clause_kind kind, bool negated);
bool parse_tcpflags(struct parser *p, bool negated);
bool parse_interface(struct parser *p, enum clause_kind kind, bool negated);

#endif
