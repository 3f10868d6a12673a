/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of iptables/ share. */
#ifndef DIVERT_RUN_IPTABLES_PRIVATE_H
#define DIVERT_RUN_IPTABLES_PRIVATE_H

#include "iptables/iptables.h"

struct dialect iptables_dialect(const struct filter_options *options);

/* fields.c: clauses about header fields, and others that have a match of their own. */
void iptables_field(const struct match *match, const struct rule_atom *atom, bool inverse,
                    struct conditions *out);
void iptables_high_tcpflags(const struct match *match, struct rule_tcpflags flags, bool inverse,
                            struct conditions *out);

/* match.c: the condition "-s 10.0.0.0/8" */
void iptables_network(const struct match *match, const struct rule_addr *addr, bool inverse,
                      struct conditions *out);

/* list.c: the addresses of match->list, as a tree. Adds nothing if the inverse takes several
 * lines. */
void iptables_list(const struct match *match, bool inverse, struct conditions *out);

enum table { TABLE_RAW, TABLE_MANGLE };
extern const char *const iptables_tables[2]; /* indexed by enum table */

/* The base chains of the two hooks, indexed by enum hook. */
extern const char *const iptables_base_chains[2];

/*
 * Incoming packets meet the rules before connection tracking, or after it if rules use it; outgoing
 * ones in the last table in which a rule may queue.
 */
enum table iptables_table_of(enum hook hook, bool tracked);

/* run.c: the kinds of iptables that there are. */
enum { KIND_PLAIN, KIND_NFT, KIND_LEGACY, KINDS };
extern const struct iptables_tools iptables_kinds[KINDS];

/* run.c: iptables-restore with INPUT; its messages go to ERR. Returns what tool_run() does. */
int iptables_restore(const struct iptables_tools *tools, int six, const char *input,
                     struct text *err);
/* run.c: appends the listing of TABLE by iptables-save. False: it failed. */
bool iptables_save(const struct iptables_tools *tools, int six, const char *table,
                   struct text *out);

/* run.c: is there a table that can be listed without making it? */
bool iptables_has_table(const struct iptables_tools *tools, int six, const char *table);

/* survey.c: is LINE of a listing the jump to the list of a run? Gives the id of the run. */
bool iptables_line_jumps(const char *line, char id[5]);

#endif
