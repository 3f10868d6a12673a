/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Makes lists of networks that do not overlap. Nested networks are cut into spans of addresses,
 * each with the value of the innermost network, and the spans are turned into networks again.
 */
#include "rule/address_list.h"

#include "util/text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Addresses from lo to hi, both included. */
struct span {
    uint8_t lo[16], hi[16];
    uint32_t value;
};

struct cutting {
    enum addr_kind family;
    unsigned size; /* bytes of an address */
    struct span *spans;
    size_t count;
    struct span open[129]; /* the networks around the current place, innermost last */
    size_t depth;
    uint8_t at[16]; /* the first address that is not cut yet */
    bool at_end;    /* there is no higher address */
};

static struct span span_of(const struct network *network, unsigned size)
{
    struct span span = {.value = network->value};

    memcpy(span.lo, network->addr.bytes, sizeof(span.lo));
    memcpy(span.hi, span.lo, sizeof(span.hi));
    for (unsigned i = network->addr.prefix; i < size * 8; i++)
        span.hi[i / 8] |= (uint8_t)(0x80 >> i % 8);
    return span;
}

/* False: it was the highest one. */
static bool next_address(uint8_t *bytes, unsigned size)
{
    for (unsigned i = size; i-- > 0;) {
        if (++bytes[i])
            return true;
    }
    return false;
}

static void previous_address(uint8_t *bytes, unsigned size)
{
    for (unsigned i = size; i-- > 0;) {
        if (bytes[i]--)
            return;
    }
}

/* Appends a span, or makes the last one longer. */
static void add_span(struct cutting *c, const uint8_t *lo, const uint8_t *hi, uint32_t value)
{
    struct span *last = c->count ? &c->spans[c->count - 1] : NULL;
    uint8_t behind[16];

    if (last && last->value == value) {
        memcpy(behind, last->hi, sizeof(behind));
        if (next_address(behind, c->size) && memcmp(behind, lo, c->size) == 0) {
            memcpy(last->hi, hi, c->size);
            return;
        }
    }
    c->spans = grow_array(c->spans, c->count + 1, sizeof(*c->spans));
    last = &c->spans[c->count++];
    *last = (struct span){.value = value};
    memcpy(last->lo, lo, c->size);
    memcpy(last->hi, hi, c->size);
}

/* Adds what is left of the innermost network after those inside it. */
static void close_innermost(struct cutting *c)
{
    const struct span *open = &c->open[--c->depth];

    if (c->at_end || memcmp(c->at, open->hi, c->size) > 0)
        return;
    add_span(c, c->at, open->hi, open->value);
    memcpy(c->at, open->hi, c->size);
    c->at_end = !next_address(c->at, c->size);
}

static void cut_network(struct cutting *c, const struct network *network)
{
    struct span span = span_of(network, c->size);

    while (c->depth && memcmp(c->open[c->depth - 1].hi, span.lo, c->size) < 0)
        close_innermost(c);
    if (c->depth && memcmp(c->at, span.lo, c->size) < 0) {
        uint8_t before[16];

        memcpy(before, span.lo, sizeof(before));
        previous_address(before, c->size);
        add_span(c, c->at, before, c->open[c->depth - 1].value);
    }
    memcpy(c->at, span.lo, c->size);
    c->open[c->depth++] = span;
}

static void add_network(struct address_list *list, enum addr_kind family, const uint8_t *bytes,
                        unsigned prefix)
{
    struct rule_addr *addr;

    list->networks = grow_array(list->networks, list->count + 1, sizeof(*list->networks));
    addr = &list->networks[list->count++];
    *addr = (struct rule_addr){.kind = family, .prefix = (uint8_t)prefix};
    memcpy(addr->bytes, bytes, sizeof(addr->bytes));
}

/* The largest network that begins at LO and ends at HI or before. Its last address goes to END. */
static unsigned largest_prefix(const uint8_t *lo, const uint8_t *hi, unsigned size, uint8_t *end)
{
    unsigned prefix = size * 8;

    memcpy(end, lo, 16);
    while (prefix) {
        unsigned bit = prefix - 1;
        uint8_t mask = (uint8_t)(0x80 >> bit % 8);

        if (end[bit / 8] & mask) /* of LO: a shorter prefix would begin before it */
            break;
        end[bit / 8] |= mask;
        if (memcmp(end, hi, size) > 0) {
            end[bit / 8] &= (uint8_t)~mask;
            break;
        }
        prefix--;
    }
    return prefix;
}

static void add_networks_of_span(struct address_list *list, const struct cutting *c,
                                 const struct span *span)
{
    uint8_t lo[16], end[16];

    memcpy(lo, span->lo, sizeof(lo));
    do {
        unsigned prefix = largest_prefix(lo, span->hi, c->size, end);

        add_network(list, c->family, lo, prefix);
        memcpy(lo, end, sizeof(lo));
    } while (memcmp(end, span->hi, c->size) < 0 && next_address(lo, c->size));
}

/* Orders by family, address and length: a network comes after those around it. */
static int compare_networks(const void *a, const void *b)
{
    const struct rule_addr *x = &((const struct network *)a)->addr,
                           *y = &((const struct network *)b)->addr;
    int order = (int)x->kind - (int)y->kind;

    if (!order)
        order = memcmp(x->bytes, y->bytes, sizeof(x->bytes));
    return order ? order : (int)x->prefix - (int)y->prefix;
}

static void add_family(struct address_list *list, enum addr_kind family,
                       const struct network *entries, size_t count, const uint32_t *value)
{
    struct cutting *c = grow_array(NULL, 1, sizeof(*c));

    *c = (struct cutting){.family = family, .size = family == ADDR_NET4 ? 4 : 16};
    for (size_t i = 0; i < count; i++) {
        struct network entry = entries[i];

        if (entry.addr.kind != family)
            continue;
        if (!value)
            entry.value = 0;
        cut_network(c, &entry);
    }
    while (c->depth)
        close_innermost(c);
    for (size_t i = 0; i < c->count; i++) {
        if (!value || c->spans[i].value == *value)
            add_networks_of_span(list, c, &c->spans[i]);
    }
    free(c->spans);
    free(c);
}

struct address_list *address_list_make(struct network *entries, size_t count, const uint32_t *value)
{
    struct address_list *list = grow_array(NULL, 1, sizeof(*list));

    *list = (struct address_list){0};
    if (count)
        qsort(entries, count, sizeof(*entries), compare_networks);
    add_family(list, ADDR_NET4, entries, count, value);
    list->count4 = list->count;
    add_family(list, ADDR_NET6, entries, count, value);
    if (list->count)
        return list;
    address_list_free(list);
    return NULL;
}

void address_list_free(struct address_list *list)
{
    free(list->networks);
    free(list);
}

const struct rule_addr *address_list_family(const struct address_list *list, int family,
                                            size_t *count)
{
    *count = family == 4 ? list->count4 : list->count - list->count4;
    return family == 4 ? list->networks : list->networks + list->count4;
}
