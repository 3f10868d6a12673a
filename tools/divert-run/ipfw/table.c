/* SPDX-License-Identifier: BSD-2-Clause */
/* Keeps the tables of ipfw. */
#include "ipfw/table.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

struct ipfw_table *table_find(const struct ipfw_tables *tables, const char *name)
{
    for (size_t i = 0; i < tables->count; i++) {
        if (strcmp(tables->items[i]->name, name) == 0)
            return tables->items[i];
    }
    return NULL;
}

struct ipfw_table *table_create(struct ipfw_tables *tables, const char *name,
                                enum ipfw_table_type type)
{
    struct ipfw_table *table = grow_array(NULL, 1, sizeof(*table));

    *table = (struct ipfw_table){.type = type};
    strcpy(table->name, name);
    tables->items = grow_array(tables->items, tables->count + 1, sizeof(struct ipfw_table *));
    tables->items[tables->count++] = table;
    return table;
}

void table_destroy(struct ipfw_tables *tables, struct ipfw_table *table)
{
    size_t kept = 0;

    for (size_t i = 0; i < tables->count; i++) {
        if (tables->items[i] != table)
            tables->items[kept++] = tables->items[i];
    }
    tables->count = kept;
    table_clear(table);
    free(table);
}

void tables_free(struct ipfw_tables *tables)
{
    while (tables->count)
        table_destroy(tables, tables->items[tables->count - 1]);
    free(tables->items);
    *tables = (struct ipfw_tables){0};
}

struct ipfw_entry *table_entry(const struct ipfw_table *table, const struct rule_atom *key)
{
    struct ipfw_entry *found;

    HASH_FIND(hh, table->entries, key, sizeof(*key), found);
    return found;
}

void table_put(struct ipfw_table *table, const struct rule_atom *key, const uint32_t *values)
{
    struct ipfw_entry *entry = table_entry(table, key);

    if (!entry) {
        entry = grow_array(NULL, 1, sizeof(*entry));
        *entry = (struct ipfw_entry){0};
        memcpy(&entry->key, key, sizeof(*key));
        HASH_ADD(hh, table->entries, key, sizeof(entry->key), entry);
    }
    memcpy(entry->values, values, sizeof(entry->values));
}

void table_remove(struct ipfw_table *table, struct ipfw_entry *entry)
{
    HASH_DEL(table->entries, entry);
    free(entry);
}

void table_clear(struct ipfw_table *table)
{
    struct ipfw_entry *entry = table->entries, *next;

    HASH_CLEAR(hh, table->entries);
    for (; entry; entry = next) {
        next = entry->hh.next;
        free(entry);
    }
}

static bool network_holds(const struct rule_addr *network, const struct rule_addr *addr)
{
    unsigned bytes = network->prefix / 8, bits = network->prefix % 8;
    uint8_t mask = (uint8_t)(0xff00 >> bits);

    return network->kind == addr->kind && network->prefix <= addr->prefix &&
           memcmp(network->bytes, addr->bytes, bytes) == 0 &&
           (!bits || ((network->bytes[bytes] ^ addr->bytes[bytes]) & mask) == 0);
}

const struct ipfw_entry *table_lookup(const struct ipfw_table *table, const struct rule_atom *key)
{
    const struct ipfw_entry *best = NULL;

    if (table->type != TABLE_ADDR)
        return table_entry(table, key);
    for (const struct ipfw_entry *entry = table->entries; entry; entry = entry->hh.next) {
        if (network_holds(&entry->key.addr, &key->addr) &&
            (!best || best->key.addr.prefix < entry->key.addr.prefix))
            best = entry;
    }
    return best;
}

const char *table_type_name(enum ipfw_table_type type)
{
    static const char *const names[] = {
        [TABLE_ADDR] = "addr", [TABLE_IFACE] = "iface", [TABLE_NUMBER] = "number"};

    return names[type];
}

static void print_key(const struct ipfw_table *table, const struct rule_atom *key, struct text *out)
{
    char s[INET6_ADDRSTRLEN];

    switch (table->type) {
    case TABLE_ADDR:
        inet_ntop(key->addr.kind == ADDR_NET4 ? AF_INET : AF_INET6, key->addr.bytes, s, sizeof(s));
        text_add(out, "%s/%u", s, key->addr.prefix);
        break;
    case TABLE_IFACE:
        text_add(out, "%s", key->ifname);
        break;
    case TABLE_NUMBER:
        text_add(out, "%u", key->range.lo);
        break;
    }
}

void table_print_entry(const struct ipfw_table *table, const struct ipfw_entry *entry,
                       struct text *out)
{
    const char *before = " ";

    print_key(table, &entry->key, out);
    for (unsigned i = 0; i < IPFW_VALUES; i++) {
        if (table->valtypes ? !(table->valtypes >> i & 1) : i != VALUE_TAG)
            continue;
        text_add(out, "%s%u", before, entry->values[i]);
        before = ",";
    }
}
