/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of iptables/ share. */
#ifndef DIVERT_RUN_IPTABLES_DIALECT_H
#define DIVERT_RUN_IPTABLES_DIALECT_H

#include "iptables/iptables.h"

struct dialect iptables_dialect(const struct filter_options *options);

enum table { TABLE_RAW, TABLE_MANGLE };
extern const char *const iptables_tables[2]; /* indexed by enum table */

/* The base chains of the two hooks, indexed by enum hook. */
extern const char *const iptables_base_chains[2];

/* Incoming packets meet the rules before connection tracking, or behind it if rules use it;
 * outgoing ones in the last table in which a rule may queue. */
enum table iptables_table_of(enum hook hook, bool tracks);

#endif
