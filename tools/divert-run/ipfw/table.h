/* SPDX-License-Identifier: BSD-2-Clause */
/* The tables of ipfw(8): addresses, interfaces or numbers, each with values. */
#ifndef DIVERT_RUN_TABLE_H
#define DIVERT_RUN_TABLE_H

#include "rule/rule.h"

#include <uthash.h>

enum ipfw_table_type { TABLE_ADDR, TABLE_IFACE, TABLE_NUMBER };

/* What a value is for, in the order in which ipfw writes several. */
enum ipfw_value {
    VALUE_SKIPTO,
    VALUE_PIPE,
    VALUE_FIB,
    VALUE_NAT,
    VALUE_DSCP,
    VALUE_TAG,
    VALUE_DIVERT,
    VALUE_NETGRAPH,
    VALUE_LIMIT,
    VALUE_IPV4,
    VALUE_IPV6,
    VALUE_MARK,
    IPFW_VALUES
};

struct ipfw_entry {
    struct rule_atom key; /* addr, ifname or range; the bytes beside it are zero */
    uint32_t values[IPFW_VALUES];
    UT_hash_handle hh;
};

struct ipfw_table {
    char name[RULE_TABLE_NAME];
    enum ipfw_table_type type;
    uint32_t valtypes; /* a bit for each; 0: "legacy", one value for everything */
    struct ipfw_entry *entries;
};

struct ipfw_tables {
    struct ipfw_table **items;
    size_t count;
};

/* NULL: there is none. */
struct ipfw_table *table_find(const struct ipfw_tables *tables, const char *name);
/* Adds an empty one. NAME must be short enough, and new. */
struct ipfw_table *table_create(struct ipfw_tables *tables, const char *name,
                                enum ipfw_table_type type);
void table_destroy(struct ipfw_tables *tables, struct ipfw_table *table);
void tables_free(struct ipfw_tables *tables);

struct ipfw_entry *table_entry(const struct ipfw_table *table, const struct rule_atom *key);
/* Adds an entry, or gives it other values. */
void table_put(struct ipfw_table *table, const struct rule_atom *key, const uint32_t *values);
void table_remove(struct ipfw_table *table, struct ipfw_entry *entry);
void table_clear(struct ipfw_table *table);
/* The entry that KEY belongs to, for addresses the one with the longest prefix; or NULL. */
const struct ipfw_entry *table_lookup(const struct ipfw_table *table, const struct rule_atom *key);

const char *table_type_name(enum ipfw_table_type type);
/* Appends "10.0.0.0/8 5". */
void table_print_entry(const struct ipfw_table *table, const struct ipfw_entry *entry,
                       struct text *out);

#endif
