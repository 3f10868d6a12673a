/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parsers of both rule languages share: the word that is looked at, errors with their
 * place in the text, the rule being built, names and addresses. Nothing here allocates; names are
 * looked up in /etc/services and /etc/protocols.
 */
#ifndef DIVERT_RUN_PARSER_H
#define DIVERT_RUN_PARSER_H

#include "rule/rule.h"

/* What is wrong, and where in the text. */
struct rule_error {
    size_t offset, length;
    char message[512]; /* room for a word of 255 and what is said of it */
};

/* RULE_EMPTY: the text has no rule in it, and that is no mistake. */
enum rule_result { RULE_OK = 0, RULE_BAD = -1, RULE_EMPTY = 1 };

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

/* The current word is the end of the rule. */
bool parser_at_end(const struct parser *p);

/* Fill the parser's error, for the part of the text given or for the current word. Return false. */
bool parser_fail_at(struct parser *p, size_t offset, size_t length, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
bool parser_fail(struct parser *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * Appends a clause to the rule, and an atom to its newest clause. The pointer holds until the rule
 * is copied. NULL: there are too many, and the error says so, at the current word or at ITEM.
 */
struct rule_clause *parser_add_clause(struct parser *p, enum clause_kind kind, bool negated);
struct rule_atom *parser_add_atom(struct parser *p, const struct word *item);

/* Stores the text from FROM to the current word in the rule, for messages and the comments of
 * --check. False: it is too long, and the error says so. */
bool parser_keep_text(struct parser *p, size_t from);

/* Makes the current word, a divert port, the argument of the rule. False: it is none, and the error
 * says so. */
bool parser_read_divert_port(struct parser *p);

/*
 * Reads ADDR, ADDR/LEN and, IPv4 only, ADDR/MASK and ADDR:MASK. S is cut up. False: it is none of
 * these; *bad_mask tells that only the part behind the address is wrong, and is left alone
 * otherwise.
 */
bool parser_read_network(char *s, struct rule_addr *addr, bool *bad_mask);

/* Names. All return -1 when NAME is not known (or the number is out of range). */
int name_to_port(const char *name, const char *proto);
int name_to_proto(const char *name);
int name_to_icmptype(const char *name);
/* Decimal digits only, the whole of S, at most MAX. */
long name_to_number(const char *s, unsigned long max);

#endif
