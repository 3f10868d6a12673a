/* SPDX-License-Identifier: BSD-2-Clause */
/* Words of a pf rule. Braces, brackets, commas and operators are words of their own. */
#ifndef DIVERT_RUN_PF_LEX_H
#define DIVERT_RUN_PF_LEX_H

#include "pf/pf.h"

struct pf_parser {
    struct parser p; /* what it reads goes into pf->match */
    struct pf_rule *pf;
    unsigned char items; /* with '!', so far */
};

/* As in ipfw/lex.h. Keywords are in small letters, as in pf. */
bool pf_lex_start(struct pf_parser *pp, const char *text);
bool pf_lex_next(struct pf_parser *pp);
bool pf_lex_at(const struct pf_parser *pp, const char *keyword);
/* Steps over KEYWORD if it is there; ends in *found. */
bool pf_lex_skip(struct pf_parser *pp, const char *keyword, bool *found);
/* Steps over KEYWORD, which must be there. */
bool pf_lex_expect(struct pf_parser *pp, const char *keyword);
bool pf_lex_in(const struct pf_parser *pp, const char *const *keywords);
/* Is the current word one of those that are no names? */
bool pf_lex_is_mark(const struct pf_parser *pp);

/* An item, or a list of them in braces, with commas or without. Each reads its own words. */
typedef bool pf_item(struct pf_parser *pp, enum clause_kind kind);
bool pf_lex_list(struct pf_parser *pp, pf_item *item, enum clause_kind kind);

/* hosts.c: behind "from" and "to". */
bool pf_parse_host(struct pf_parser *pp, enum clause_kind kind);
/* Behind all hosts: can any packet come from the one to the other? */
bool pf_check_hosts(struct pf_parser *pp);

/* ports.c: behind "port". */
bool pf_parse_port(struct pf_parser *pp, enum clause_kind kind);

/* options.c: behind the hosts. */
bool pf_parse_options(struct pf_parser *pp);

#endif
