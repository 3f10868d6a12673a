/* SPDX-License-Identifier: BSD-2-Clause */
/* Parses interfaces, and groups of them. */
#include "pf/private.h"

#include <ctype.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

bool pf_interface_name_ok(const struct word *word)
{
    for (const char *s = word->s; *s; s++) {
        if ((unsigned char)*s <= ' ' || (unsigned char)*s >= 0x7f || strchr("/\"'\\+*:;!{}", *s))
            return false;
    }
    return *word->s && strlen(word->s) < IFNAMSIZ;
}

/* The interface, if a line of /proc/net/route is a default route; or NULL. */
static char *default_route4(char *line)
{
    static char name[IFNAMSIZ];
    unsigned destination, flags, mask;

    if (sscanf(line, "%15s %x %*x %x %*d %*d %*d %x", name, &destination, &flags, &mask) != 4)
        return NULL;
    return !destination && !mask && flags & 1 ? name : NULL; /* RTF_UP */
}

static char *default_route6(char *line)
{
    static char name[IFNAMSIZ];
    char destination[33];
    unsigned prefix, flags;

    if (sscanf(line, "%32s %x %*s %*x %*s %*x %*x %*x %x %15s", destination, &prefix, &flags,
               name) != 4)
        return NULL;
    /* The kernel lists its own route to nowhere, of lo, with RTF_REJECT. */
    return !prefix && !(flags & 0x200) && strcmp(name, "lo") != 0 ? name : NULL;
}

struct egress {
    char names[16][IFNAMSIZ];
    size_t count;
};

static void add_egress(struct egress *egress, const char *name)
{
    for (size_t i = 0; i < egress->count; i++) {
        if (strcmp(egress->names[i], name) == 0)
            return;
    }
    if (egress->count < sizeof(egress->names) / sizeof(*egress->names))
        snprintf(egress->names[egress->count++], IFNAMSIZ, "%s", name);
}

static void read_routes(const char *path, char *(*default_route)(char *line), struct egress *egress)
{
    FILE *file = fopen(path, "re");
    char line[256];

    while (file && fgets(line, sizeof(line), file)) {
        char *name = default_route(line);

        if (name)
            add_egress(egress, name);
    }
    if (file)
        fclose(file);
}

/* Interfaces with a default route. */
static void find_egress(struct egress *egress)
{
    *egress = (struct egress){.count = 0};
    read_routes("/proc/net/route", default_route4, egress);
    read_routes("/proc/net/ipv6_route", default_route6, egress);
}

/* BSD names an interface by driver and number, and the group of all of a driver by the driver. */
static bool is_group_name(const char *name)
{
    return *name && isalpha((unsigned char)name[strlen(name) - 1]) && strcmp(name, "any") != 0 &&
           strlen(name) < IFNAMSIZ - 1 && !if_nametoindex(name);
}

size_t pf_interfaces_of(const char *name, pf_name_adder *add, void *context)
{
    struct egress egress;
    char group[IFNAMSIZ + 1];

    name = parser_interface_name(name);
    if (strcmp(name, "egress") == 0 && !if_nametoindex(name)) {
        find_egress(&egress);
        for (size_t i = 0; i < egress.count; i++)
            add(context, egress.names[i]);
        return egress.count;
    }
    snprintf(group, sizeof(group), is_group_name(name) ? "%s*" : "%s", name);
    add(context, group);
    return 1;
}

/* Does the name stand for a group, "em*", without an interface in it? */
static bool is_empty_group(const char *name)
{
    struct if_nameindex *all = strchr(name, '*') ? if_nameindex() : NULL;
    bool empty = all;

    for (struct if_nameindex *i = all; i && i->if_name; i++)
        empty = empty && strncmp(i->if_name, name, strlen(name) - 1) != 0;
    if (all)
        if_freenameindex(all);
    return empty;
}

static void add_name_to_item(void *context, const char *name)
{
    snprintf(pf_item_atom(context)->ifname, IFNAMSIZ + 1, "%s", name);
}

static bool parse_interface_item(struct pf_parser *pp)
{
    struct parser *p = &pp->p;
    struct pf_item *item;
    bool negated;

    if (!pf_lex_skip(pp, "!", &negated))
        return false;
    if (parser_at_end(p))
        return parser_fail(p, "expected an interface at the end of the rule");
    if (pf_lex_is_mark(pp) || !pf_interface_name_ok(&p->word))
        return parser_fail(p, "'%s': expected the name of an interface, at most %d characters",
                           p->word.s, IFNAMSIZ - 1);
    if (pf_lex_at(pp, "rdomain"))
        return parser_fail(p, "'rdomain': routing domains are network namespaces here; run a "
                              "divert-run in each (ip netns exec)");
    if (negated && pf_lex_at(pp, "any"))
        return parser_fail(p, "'any': '! any' matches nothing");
    item = pf_add_item(pp->pf, pp->pf->clauses[pp->pf->clause_count - 1].kind, negated);
    if (!pf_interfaces_of(p->word.s, add_name_to_item, item))
        pf_warn(pp->set,
                "'%s': no interface has a default route now, so this group is empty; start "
                "divert-run when there is one",
                p->word.s);
    if (item->count == 1 && is_empty_group(item->atoms[0].ifname))
        pf_warn(pp->set,
                "'%s': there is no such interface now; it stands for all whose names "
                "begin with it (Linux has no groups that ifconfig makes)",
                p->word.s);
    return pf_lex_next(pp);
}

bool pf_parse_interfaces(struct pf_parser *pp, enum clause_kind kind)
{
    pf_add_clause(pp->pf, kind);
    return pf_lex_list(pp, parse_interface_item);
}
