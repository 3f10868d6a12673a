/* SPDX-License-Identifier: BSD-2-Clause */
/* Words about tables of ipfw. Those that read from a parser go on to the next word; they return
 * false and fill in its error if it is wrong. */
#ifndef DIVERT_RUN_TABLE_WORDS_H
#define DIVERT_RUN_TABLE_WORDS_H

#include "ipfw/table.h"
#include "language/parser.h"

bool table_name_ok(const char *name);
/* A number, or an IPv4 address as a number in host order. */
bool table_read_value(const char *s, uint32_t *value);

bool table_read_name(struct parser *p, char name[RULE_TABLE_NAME]);
bool table_read_type(struct parser *p, enum ipfw_table_type *type);
/* Adds the bits of a list of types of values. */
bool table_read_valtypes(struct parser *p, uint32_t *valtypes);
bool table_read_key(struct parser *p, enum ipfw_table_type type, struct rule_atom *key);
/* Fills the IPFW_VALUES values of an entry. */
bool table_read_values(struct parser *p, uint32_t valtypes, uint32_t *values);
/* The type of a table whose first key is the current word. */
enum ipfw_table_type table_guess_type(const struct parser *p);

#endif
