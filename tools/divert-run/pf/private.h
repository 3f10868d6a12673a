/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of pf/ share: words, the parts of the parser, and lists written out. */
#ifndef DIVERT_RUN_PF_PRIVATE_H
#define DIVERT_RUN_PF_PRIVATE_H

#include "pf/pf.h"

/* lex.c: braces, brackets, commas and operators are words of their own. */
struct pf_parser {
    struct parser p; /* what it reads goes into pf->match */
    struct pf_rule *pf;
    unsigned char items; /* negated ones so far */
};

/* Read the first and the next word. Like all functions here that can fail, they return false and
 * fill in the parser's error. */
bool pf_lex_start(struct pf_parser *pp, const char *text);
bool pf_lex_next(struct pf_parser *pp);
bool pf_lex_at(const struct pf_parser *pp, const char *keyword);
/* Skips KEYWORD if it is the current word, as *found tells. */
bool pf_lex_skip(struct pf_parser *pp, const char *keyword, bool *found);
/* Skips KEYWORD, which must be the current word. */
bool pf_lex_expect(struct pf_parser *pp, const char *keyword);
bool pf_lex_in(const struct pf_parser *pp, const char *const *keywords);
/* Is the current word an operator, brace, bracket or comma? */
bool pf_lex_is_mark(const struct pf_parser *pp);

/* Parses one item, or a list of them in braces, with or without commas, by calls of item(). */
typedef bool pf_item(struct pf_parser *pp, enum clause_kind kind);
bool pf_lex_list(struct pf_parser *pp, pf_item *item, enum clause_kind kind);

/* hosts.c: behind "from" and "to". */
bool pf_parse_host(struct pf_parser *pp, enum clause_kind kind);
/* Called behind all hosts. False: no packet can be from the one to the other. */
bool pf_check_hosts(struct pf_parser *pp);

/* ports.c: behind "port". */
bool pf_parse_port(struct pf_parser *pp, enum clause_kind kind);

/* options.c: behind the hosts. */
bool pf_parse_options(struct pf_parser *pp);

/* expand.c */
/* One rule for each combination of list items, without TCP flags; at most PF_RULES_MAX + 1. The
 * caller frees the rules. */
struct pf_variants {
    struct rule *rules;
    size_t count;
};

void pf_expand(const struct pf_rule *pf, struct pf_variants *out);

#endif
