/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of ipfw/ share: words, and the parts of the parser that read them. */
#ifndef DIVERT_RUN_IPFW_PRIVATE_H
#define DIVERT_RUN_IPFW_PRIVATE_H

#include "language/parser.h"

/* lex.c: reads the first word. All functions that can fail return false and fill in the parser's
 * error. */
bool ipfw_is_blank(char c);
bool ipfw_lex_start(struct parser *p, const char *text);
bool ipfw_lex_next(struct parser *p);
/* Reads the word after the current one, without going on to it. */
bool ipfw_lex_peek(const struct parser *p, struct word *word);
bool ipfw_lex_at(const struct parser *p, const char *keyword);
/* Removes the backslashes of a name, as shell scripts have them: ftp\-data, table\(1\). */
void ipfw_drop_escapes(char *s);
bool ipfw_lex_in(const struct word *word, const char *const *keywords);

/*
 * Reads a comma list, blanks allowed around the commas, and calls add() with each item. The clause
 * gets the atoms that add() makes with parser_add_atom().
 */
typedef bool ipfw_lex_item(struct parser *p, const struct word *item, void *context);
bool ipfw_lex_list(struct parser *p, ipfw_lex_item *add, void *context);

/* actions.c: the action, and "log" and "tag" behind it. */
#define PACKET_TAG_MAX 65534
bool ipfw_parse_action(struct parser *p);
bool ipfw_parse_parameters(struct parser *p);

/* options.c: the options behind the destination. */
bool ipfw_parse_options(struct parser *p);
bool ipfw_is_option(const struct word *word);

/*
 * match.c, addresses.c and headers.c: parts of both the body and the options of a rule. Each reads
 * its words and adds a clause.
 */
bool ipfw_parse_proto(struct parser *p, bool negated);
bool ipfw_parse_ports(struct parser *p, enum clause_kind kind, bool negated);
bool ipfw_parse_icmptypes(struct parser *p, enum clause_kind kind, bool negated);
bool ipfw_parse_tcpflags(struct parser *p, bool negated);
bool ipfw_parse_interface(struct parser *p, enum clause_kind kind, bool negated);
bool ipfw_proto_has_ports(int proto);
/* Adds a clause with one number, and goes on to the next word. */
bool ipfw_add_number(struct parser *p, enum clause_kind kind, bool negated, uint32_t number);
/* Fails at an item of a list: "'ITEM': EXPECTED". */
bool ipfw_fail_at_item(struct parser *p, const struct word *item, const char *expected);
bool ipfw_parse_addresses(struct parser *p, enum clause_kind kind, bool negated);
bool ipfw_parse_antispoof(struct parser *p, enum clause_kind kind, bool negated);
/* Finds the interface that has an address. */
bool ipfw_interface_of(int family, const void *address, char name[IFNAMSIZ]);
bool ipfw_parse_frag(struct parser *p, enum clause_kind kind, bool negated);
bool ipfw_parse_ipoptions(struct parser *p, bool negated);
bool ipfw_parse_ext6hdr(struct parser *p, enum clause_kind kind, bool negated);

/* state.c: keep-state, limit and their kin, and the flow behind check-state. */
bool ipfw_parse_state_option(struct parser *p, enum clause_kind kind, bool negated);
bool ipfw_parse_check_state(struct parser *p);

/* lookup.c: a table in place of addresses, an interface or what "lookup" names. */
bool ipfw_at_table(const struct parser *p);
bool ipfw_parse_table(struct parser *p, enum clause_kind kind, bool negated);
bool ipfw_parse_lookup(struct parser *p, enum clause_kind kind, bool negated);

/* fields.c: the same, for fields of headers. */
bool ipfw_parse_numbers(struct parser *p, enum clause_kind kind, bool negated);
/* The DSCP that a name or a number stands for; -1: none. */
#define IPFW_DSCP_NAMES "be, ef, va, cs0 to cs7, af11 to af43, or a number from 0 to 63"
int ipfw_dscp_of(const char *name);
bool ipfw_parse_dscp(struct parser *p, enum clause_kind kind, bool negated);
bool ipfw_parse_tagged(struct parser *p, enum clause_kind kind, bool negated);
bool ipfw_parse_tos(struct parser *p, enum clause_kind kind, bool negated);
bool ipfw_parse_tcpoptions(struct parser *p, enum clause_kind kind, bool negated);
bool ipfw_parse_owner(struct parser *p, enum clause_kind kind, bool negated);
/* Behind "prob". */
bool ipfw_parse_prob(struct parser *p);

#endif
