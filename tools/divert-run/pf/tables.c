/* SPDX-License-Identifier: BSD-2-Clause */
/* Tables of pf: named sets of addresses. */
#include "pf/private.h"

#include <ctype.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define TABLE_MAX 1000000 /* entries */

struct pf_table {
    char *name;
    struct network *networks; /* the value of an exception is 0, of others 1 */
    size_t count;
    const struct address_list *list; /* when it was made */
};

struct table_network {
    struct network network;
    size_t at; /* its place among all */
};

/* Where the addresses of a table entry go. */
struct table_entry {
    struct pf_table *table;
    bool negated;
};

static void add_table_address(void *context, const struct rule_addr *addr)
{
    const struct table_entry *entry = context;
    struct pf_table *table = entry->table;

    if (!(table->count & (table->count - 1))) /* the memory is full at 0, 1, 2, 4, ... */
        table->networks = grow_array(table->networks, table->count ? 2 * table->count : 1,
                                     sizeof(*table->networks));
    table->networks[table->count++] = (struct network){*addr, !entry->negated};
}

static struct pf_table *find_pf_table(const struct pf_ruleset *set, const char *name)
{
    for (size_t i = 0; i < set->table_count; i++) {
        if (strcmp(set->tables[i].name, name) == 0)
            return &set->tables[i];
    }
    return NULL;
}

/* Adds what a word stands for. False: nothing. */
static bool add_table_word(struct table_entry *entry, const char *s)
{
    struct pf_modifiers modifiers;
    char name[sizeof(((struct word *)NULL)->s)];
    const char *interface;
    struct rule_addr addr;
    bool bad_mask;

    if (pf_read_network(s, &addr, &bad_mask)) {
        add_table_address(entry, &addr);
        return true;
    }
    snprintf(name, sizeof(name), "%s", s);
    if (bad_mask || !*name || !pf_cut_modifiers(name, &modifiers))
        return false;
    interface = parser_interface_name(name);
    if (strcmp(interface, "self") == 0)
        return pf_interface_addresses(NULL, &modifiers, 0, add_table_address, entry);
    if (if_nametoindex(interface))
        return pf_interface_addresses(interface, &modifiers, 0, add_table_address, entry);
    return !strchr(s, ':') && pf_host_addresses(name, 0, add_table_address, entry);
}

bool pf_read_table_name(struct pf_parser *pp, char **name)
{
    if (!pf_lex_expect(pp, "<") || !pf_lex_word(pp, "the name of a table", name))
        return false;
    if (pf_lex_expect(pp, ">"))
        return true;
    free(*name);
    *name = NULL;
    return false;
}

/* pp->table is the one that entries go to. */
static bool parse_table_entry(struct pf_parser *pp)
{
    struct table_entry entry = {.table = pp->table};
    bool bracket;

    if (!pf_lex_skip(pp, "!", &entry.negated) || !pf_lex_skip(pp, "(", &bracket))
        return false;
    if (parser_at_end(&pp->p))
        return parser_fail(&pp->p, "expected an address at the end of the table");
    if (pf_lex_is_mark(pp) || !add_table_word(&entry, pp->p.word.s))
        return parser_fail(&pp->p,
                           "'%s': expected an address, a network, self, or the name of an "
                           "interface or host that can be looked up now",
                           pp->p.word.s);
    return pf_lex_next(pp) && (!bracket || pf_lex_expect(pp, ")"));
}

/* Cuts the next word out of *REST, up to blanks and comments. NULL: there is none. */
static char *next_file_word(char **rest)
{
    char *word = *rest + strspn(*rest, " \t\r");
    size_t length = strcspn(word, " \t\r\n#;");

    *rest = word + length;
    if (!length)
        return NULL;
    if (**rest && strchr(" \t\r", **rest))
        *(*rest)++ = '\0';
    else
        **rest = '\0';
    return word;
}

static bool read_table_line(struct table_entry *entry, char *line)
{
    char *word;

    while ((word = next_file_word(&line))) {
        entry->negated = *word == '!';
        word += entry->negated;
        if (!*word && !(word = next_file_word(&line)))
            return false;
        if (strlen(word) >= 256 || !add_table_word(entry, word))
            return false;
    }
    return true;
}

/* Stops at the first bad line. */
static bool read_table_file_lines(struct pf_parser *pp, FILE *file, const char *path)
{
    struct table_entry entry = {.table = pp->table};
    char *line = NULL;
    size_t size = 0;
    bool good = true;

    for (unsigned number = 1; good && getline(&line, &size, file) >= 0; number++) {
        good = read_table_line(&entry, line);
        if (!good)
            parser_fail(&pp->p, "'%.200s', line %u: expected addresses or networks", path, number);
        if (good && pp->table->count > TABLE_MAX)
            good = parser_fail(&pp->p, "'%.200s': has more than %d entries", path, TABLE_MAX);
    }
    free(line);
    return good;
}

static bool parse_table_file(struct pf_parser *pp)
{
    const char *path = pp->p.word.s;
    struct stat st;
    FILE *file;
    bool good;

    if (parser_at_end(&pp->p) || pf_lex_is_mark(pp))
        return parser_fail(&pp->p, "expected the name of a file");
    file = fopen(path, "re");
    if (!file)
        return parser_fail(&pp->p, "'%.200s': %s", path, strerror(errno));
    good = fstat(fileno(file), &st) == 0 && S_ISREG(st.st_mode);
    if (!good)
        parser_fail(&pp->p, "'%.200s': is not a regular file", path);
    good = good && read_table_file_lines(pp, file, path);
    fclose(file);
    return good && pf_lex_next(pp);
}

/* Tables may be empty. */
static bool parse_table_list(struct pf_parser *pp)
{
    bool comma;

    if (!pf_lex_next(pp))
        return false;
    while (!pf_lex_at(pp, "}")) {
        if (!pf_lex_list(pp, parse_table_entry) || !pf_lex_skip(pp, ",", &comma))
            return false;
    }
    return pf_lex_next(pp);
}

static bool parse_table_option(struct pf_parser *pp)
{
    static const char *const flags[] = {"persist", "const", "counters", NULL};

    if (pf_lex_in(pp, flags))
        return pf_lex_next(pp);
    if (pf_lex_at(pp, "{"))
        return parse_table_list(pp);
    if (pf_lex_at(pp, "file"))
        return pf_lex_next(pp) && parse_table_file(pp);
    return parser_fail(&pp->p, "'%s': expected persist, const, counters, file or a list in braces",
                       pp->p.word.s);
}

static void free_table(struct pf_table *table)
{
    free(table->name);
    free(table->networks);
}

/* Puts the table in the place of one with its name. */
static void keep_table(struct pf_ruleset *set, const struct pf_table *table)
{
    struct pf_table *old = find_pf_table(set, table->name);

    if (old) {
        free_table(old);
        *old = *table;
        return;
    }
    set->tables = grow_array(set->tables, set->table_count + 1, sizeof(*set->tables));
    set->tables[set->table_count++] = *table;
}

static bool parse_table_options(struct pf_parser *pp)
{
    while (!parser_at_end(&pp->p)) {
        if (!parse_table_option(pp))
            return false;
    }
    return true;
}

bool pf_parse_table(struct pf_parser *pp)
{
    struct pf_table *table = grow_array(NULL, 1, sizeof(*table));
    bool good;

    *table = (struct pf_table){0};
    pp->table = table;
    good = pf_lex_next(pp) && pf_read_table_name(pp, &table->name) && parse_table_options(pp);
    if (good)
        keep_table(pp->set, table);
    else
        free_table(table);
    pp->table = NULL;
    free(table);
    return good;
}

/* Orders by network; among equal ones the last given comes first. */
static int compare_entries(const void *left, const void *right)
{
    const struct table_network *a = left, *b = right;
    int order = (int)a->network.addr.kind - (int)b->network.addr.kind;

    if (!order)
        order = memcmp(a->network.addr.bytes, b->network.addr.bytes, 16);
    if (!order)
        order = (int)a->network.addr.prefix - (int)b->network.addr.prefix;
    return order ? order : a->at < b->at ? 1 : -1;
}

static bool same_network(const struct rule_addr *a, const struct rule_addr *b)
{
    return a->kind == b->kind && a->prefix == b->prefix && !memcmp(a->bytes, b->bytes, 16);
}

/* Of equal networks keeps the last. */
static void drop_repeated(struct pf_table *table)
{
    struct table_network *sorted = grow_array(NULL, table->count, sizeof(*sorted));
    size_t kept = 0;

    for (size_t i = 0; i < table->count; i++)
        sorted[i] = (struct table_network){table->networks[i], i};
    qsort(sorted, table->count, sizeof(*sorted), compare_entries);
    for (size_t i = 0; i < table->count; i++) {
        if (!kept || !same_network(&table->networks[kept - 1].addr, &sorted[i].network.addr))
            table->networks[kept++] = sorted[i].network;
    }
    table->count = kept;
    free(sorted);
}

void pf_table_resolve(struct pf_ruleset *set, struct pf_item *item, struct ruleset *rules)
{
    const uint32_t one = 1;
    struct pf_table *table = find_pf_table(set, item->table);
    struct address_list *list;

    if (!table)
        pf_warn(set, "table <%s>: is not defined; it is empty", item->table);
    else if (!table->count)
        pf_note(set, "table <%s>: is empty and stays empty", item->table);
    if (!table || !table->count)
        return;
    if (!table->list) {
        drop_repeated(table);
        list = address_list_make(table->networks, table->count, &one);
        table->list = list ? ruleset_own_list(rules, list) : NULL;
    }
    item->list = table->list;
}

void pf_tables_free(struct pf_ruleset *set)
{
    for (size_t i = 0; i < set->table_count; i++)
        free_table(&set->tables[i]);
    free(set->tables);
}
