/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parsers of both rule languages share: the current word, errors with their position, the
 * rule being built, names and addresses. Nothing here allocates; names are looked up in
 * /etc/services and /etc/protocols.
 */
#ifndef DIVERT_RUN_PARSER_H
#define DIVERT_RUN_PARSER_H

#include "rule/rule.h"

/* An error message, and the part of the text that it is about. */
struct rule_error {
    size_t offset, length;
    char message[512]; /* fits a word of 255 bytes and the text around it */
};

/* RULE_EMPTY: the text has no rule, which is not an error. */
enum rule_result { RULE_OK = 0, RULE_BAD = -1, RULE_EMPTY = 1 };

struct word {
    size_t offset, length; /* length 0: the end of the rule */
    char s[256];
};

struct parser {
    const char *text;
    struct word word; /* the current one */
    struct rule *rule;
    struct rule_error *error;
};

/* Is the current word the end of the rule? */
bool parser_at_end(const struct parser *p);

/* The Linux name of a BSD interface: lo0 is lo, others are the same. */
const char *parser_interface_name(const char *name);

/* Fill in the error, about the given part of the text or the current word. Return false. */
bool parser_fail_at(struct parser *p, size_t offset, size_t length, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
bool parser_fail(struct parser *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * Append a clause to the rule, and an atom to its newest clause. Return it; or NULL after filling
 * in the error, about the current word or ITEM, if there are too many.
 */
struct rule_clause *parser_add_clause(struct parser *p, enum clause_kind kind, bool negated);
struct rule_atom *parser_add_atom(struct parser *p, const struct word *item);

/* Stores the text from FROM to the current word in the rule, for messages and the comments of
 * --check. False: it is too long, and the error is filled in. */
bool parser_keep_text(struct parser *p, size_t from);

/* Takes the current word as divert port; the second function as the argument of the rule. False: it
 * is none, and the error is filled in. */
bool parser_divert_port(struct parser *p, unsigned *out);
bool parser_read_divert_port(struct parser *p);

/*
 * Reads ADDR, ADDR/LEN, ADDR/MASK and, IPv4 only, ADDR:MASK. Modifies S. False: it is none of
 * these. *bad_mask is set if only the part behind the address is wrong.
 */
bool parser_read_network(char *s, struct rule_addr *addr, bool *bad_mask);

/* The number that NAME stands for, which may be a number itself; -1: unknown or out of range. */
int name_to_port(const char *name, const char *proto);
int name_to_proto(const char *name);
int name_to_icmptype(const char *name);
/* The value of S, which must consist of decimal digits; -1: it does not, or exceeds MAX. */
long long name_to_number(const char *s, unsigned long max);

#endif
