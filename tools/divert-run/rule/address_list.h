/* SPDX-License-Identifier: BSD-2-Clause */
/* Lists of networks, as large as tables of addresses are. */
#ifndef DIVERT_RUN_ADDRESS_LIST_H
#define DIVERT_RUN_ADDRESS_LIST_H

#include <stddef.h>
#include <stdint.h>

/* ADDR_IFACE: an address of the interface on which the packet comes in or goes out. ADDR_MASK4 and
 * ADDR_MASK6 have a mask that is no prefix. */
enum addr_kind {
    ADDR_ANY,
    ADDR_ME,
    ADDR_IFACE,
    ADDR_ME6,
    ADDR_NET4,
    ADDR_NET6,
    ADDR_MASK4,
    ADDR_MASK6
};

struct rule_addr {
    enum addr_kind kind;
    uint8_t prefix;    /* bits */
    uint8_t bytes[16]; /* network order, host part zero */
    uint8_t mask[16];  /* of ADDR_MASK4 and ADDR_MASK6 */
};

/* An entry of a table: a network of IPv4 or IPv6, and what it stands for. */
struct network {
    struct rule_addr addr;
    uint32_t value;
};

/* Networks of which no two overlap. */
struct address_list {
    unsigned id; /* unique in a rule set, from 1 */
    struct rule_addr *networks;
    size_t count;  /* those of IPv4 come first; each family in ascending order */
    size_t count4; /* so many are of IPv4 */
};

/*
 * The addresses for which the entry with the longest prefix has that value, or with VALUE NULL any.
 * No two entries may be about the same network; they are sorted. NULL: there is no such address.
 * Give it to address_list_free() in the end.
 */
struct address_list *address_list_make(struct network *entries, size_t count,
                                       const uint32_t *value);
void address_list_free(struct address_list *list);

/* The networks of a family, 4 or 6. */
const struct rule_addr *address_list_family(const struct address_list *list, int family,
                                            size_t *count);

#endif
