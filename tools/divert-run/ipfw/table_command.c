/* SPDX-License-Identifier: BSD-2-Clause */
/* The command "table". */
#include "ipfw/commands.h"
#include "ipfw/table_words.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>

struct table_command {
    struct command *c;
    char name[RULE_TABLE_NAME];
    struct ipfw_table *table; /* NULL: there is none of that name */
};

static enum ipfw_result unknown_table(const struct table_command *t)
{
    return command_failed(t->c, EX_OSERR, "table %s does not exist", t->name);
}

/* Is the table named in a rule? Then it cannot be destroyed. */
static bool table_is_used(const struct ipfw_model *model, const char *name)
{
    for (size_t i = 0; i < model->rules.count; i++) {
        const struct rule *rule = model->rules.rules[i];

        for (unsigned j = 0; j < rule->table_count; j++) {
            if (strcmp(rule->tables[j].name, name) == 0)
                return true;
        }
    }
    return false;
}

/* Options of a new table. */
struct table_options {
    enum ipfw_table_type type;
    uint32_t valtypes;
    bool missing, or_flush;
};

static bool read_table_option(struct command *c, struct table_options *options)
{
    struct word option = c->p.word;

    options->missing = options->missing || ipfw_lex_at(&c->p, "missing");
    options->or_flush = options->or_flush || ipfw_lex_at(&c->p, "or-flush");
    if (strcasecmp(option.s, "missing") == 0 || strcasecmp(option.s, "or-flush") == 0 ||
        strcasecmp(option.s, "locked") == 0)
        return ipfw_lex_next(&c->p);
    if (!ipfw_lex_next(&c->p))
        return false;
    if (strcasecmp(option.s, "type") == 0)
        return table_read_type(&c->p, &options->type);
    if (strcasecmp(option.s, "valtype") == 0)
        return table_read_valtypes(&c->p, &options->valtypes);
    if (strcasecmp(option.s, "algo") == 0) /* how ipfw stores it */
        return ipfw_lex_next(&c->p) && (!strchr(c->p.word.s, '=') || ipfw_lex_next(&c->p));
    if (strcasecmp(option.s, "limit") == 0 && name_to_number(c->p.word.s, INT32_MAX) >= 0)
        return ipfw_lex_next(&c->p);
    return parser_fail_at(&c->p, option.offset, option.length,
                          "'%s': expected type, valtype, algo, limit, locked, missing or or-flush",
                          option.s);
}

static enum ipfw_result create_table(struct table_command *t)
{
    struct table_options options = {.type = TABLE_ADDR};
    struct command *c = t->c;

    while (!parser_at_end(&c->p)) {
        if (!read_table_option(c, &options))
            return command_refused(c);
    }
    if (t->table && !options.missing && !options.or_flush)
        return command_failed(c, EX_OSERR, "Table creation failed: File exists");
    if (c->syntax_only)
        return IPFW_DONE;
    if (t->table && options.or_flush)
        table_clear(t->table);
    if (!t->table) {
        t->table = table_create(&c->model->tables, t->name, options.type);
        t->table->valtypes = options.valtypes;
    }
    return IPFW_DONE;
}

static enum ipfw_result destroy_table(struct table_command *t)
{
    struct command *c = t->c;

    if (!command_at_end(c))
        return command_refused(c);
    if (t->table && table_is_used(c->model, t->name))
        return command_failed(c, EX_OSERR, "failed to destroy table %s: Device busy", t->name);
    if (t->table && !c->syntax_only)
        table_destroy(&c->model->tables, t->table);
    if (!t->table && !c->quiet)
        text_add(&c->reply->err, "ipfw: failed to destroy table %s: No such process\n", t->name);
    return IPFW_DONE;
}

static enum ipfw_result flush_table(struct table_command *t)
{
    if (!command_at_end(t->c))
        return command_refused(t->c);
    if (t->table && !t->c->syntax_only)
        table_clear(t->table);
    if (!t->table && !t->c->quiet)
        text_add(&t->c->reply->err, "ipfw: failed to flush table %s info: No such process\n",
                 t->name);
    return IPFW_DONE;
}

/*
 * Adds the entry with that key, or deletes it if VALUES is NULL. False: it exists already, or does
 * not exist.
 */
static bool change_entry(struct table_command *t, const struct rule_atom *key,
                         const uint32_t *values)
{
    struct ipfw_entry *entry = t->table ? table_entry(t->table, key) : NULL;

    if (t->c->syntax_only)
        return true;
    if (values) {
        if (!entry)
            table_put(t->table, key, values);
        return !entry;
    }
    if (entry)
        table_remove(t->table, entry);
    return entry;
}

static enum ipfw_result report_unchanged(struct table_command *t, bool add)
{
    if (t->c->quiet)
        return IPFW_DONE;
    return command_failed(t->c, EX_OSERR,
                          add ? "Adding record failed: record already exists"
                              : "Deleting record failed: record not found");
}

static enum ipfw_result change_table(struct table_command *t, bool add)
{
    struct command *c = t->c;
    bool changed = true;

    if (parser_at_end(&c->p)) {
        parser_fail(&c->p, "expected an entry of the table at the end");
        return command_refused(c);
    }
    if (!t->table && !add)
        return unknown_table(t);
    if (!t->table) /* its first entry tells the type */
        t->table = table_create(&c->model->tables, t->name, table_guess_type(&c->p));
    while (!parser_at_end(&c->p)) {
        uint32_t values[IPFW_VALUES] = {0};
        struct rule_atom key;

        if (!table_read_key(&c->p, t->table->type, &key))
            return command_refused(c);
        if (add && !parser_at_end(&c->p) && !table_read_values(&c->p, t->table->valtypes, values))
            return command_refused(c);
        changed = change_entry(t, &key, add ? values : NULL) && changed;
    }
    return changed ? IPFW_DONE : report_unchanged(t, add);
}

static enum ipfw_result add_to_table(struct table_command *t)
{
    return change_table(t, true);
}

static enum ipfw_result delete_from_table(struct table_command *t)
{
    return change_table(t, false);
}

static void print_table(const struct ipfw_table *table, struct text *out)
{
    text_add(out, "--- table(%s), set(0) ---\n", table->name);
    for (const struct ipfw_entry *entry = table->entries; entry; entry = entry->hh.next) {
        table_print_entry(table, entry, out);
        text_add(out, "\n");
    }
}

static enum ipfw_result list_table(struct table_command *t)
{
    if (!command_at_end(t->c))
        return command_refused(t->c);
    if (!t->table)
        return unknown_table(t);
    print_table(t->table, &t->c->reply->out);
    return IPFW_DONE;
}

static enum ipfw_result show_table_info(struct table_command *t)
{
    struct text *out = &t->c->reply->out;

    if (!t->table)
        return unknown_table(t);
    text_add(out, "--- table(%s), set(0) ---\n type: %s\n items: %u\n", t->name,
             table_type_name(t->table->type), HASH_COUNT(t->table->entries));
    return IPFW_DONE;
}

static enum ipfw_result look_up_entry(struct table_command *t)
{
    const struct ipfw_entry *entry;
    struct rule_atom key;

    if (!t->table)
        return unknown_table(t);
    if (!table_read_key(&t->c->p, t->table->type, &key) || !command_at_end(t->c))
        return command_refused(t->c);
    entry = table_lookup(t->table, &key);
    if (!entry)
        return command_failed(t->c, EX_UNAVAILABLE, "Entry not found");
    table_print_entry(t->table, entry, &t->c->reply->out);
    text_add(&t->c->reply->out, "\n");
    return IPFW_DONE;
}

static enum ipfw_result swap_tables(struct table_command *t)
{
    struct ipfw_table *other = table_find(&t->c->model->tables, t->c->p.word.s), kept;

    if (!ipfw_lex_next(&t->c->p) || !command_at_end(t->c))
        return command_refused(t->c);
    if (!t->table || !other || other->type != t->table->type)
        return command_failed(t->c, EX_OSERR, "failed to swap tables: there are no two of a type");
    kept = *other;
    other->entries = t->table->entries;
    other->valtypes = t->table->valtypes;
    t->table->entries = kept.entries;
    t->table->valtypes = kept.valtypes;
    return IPFW_DONE;
}

static enum ipfw_result leave_table_alone(struct table_command *t)
{
    return t->table ? IPFW_DONE : unknown_table(t);
}

static const struct {
    const char *name;
    enum ipfw_result (*run)(struct table_command *t);
    bool of_all; /* may be about "all" tables */
} table_commands[] = {
    {"create", create_table, false},      {"destroy", destroy_table, true},
    {"flush", flush_table, true},         {"add", add_to_table, false},
    {"delete", delete_from_table, false}, {"list", list_table, true},
    {"info", show_table_info, true},      {"detail", show_table_info, true},
    {"lookup", look_up_entry, false},     {"swap", swap_tables, false},
    {"modify", leave_table_alone, false}, {"lock", leave_table_alone, false},
    {"unlock", leave_table_alone, false},
};

/* One by one, from the last on, as they may be destroyed. */
static enum ipfw_result for_all_tables(struct table_command *t,
                                       enum ipfw_result (*run)(struct table_command *t))
{
    const struct ipfw_tables *tables = &t->c->model->tables;
    enum ipfw_result result = IPFW_DONE, one;

    for (size_t i = tables->count; i-- > 0;) {
        t->table = tables->items[i];
        strcpy(t->name, t->table->name);
        one = run(t);
        result = one == IPFW_DONE ? result : one;
    }
    return result;
}

enum ipfw_result command_table(struct command *c)
{
    struct table_command t = {.c = c};
    bool all = ipfw_lex_at(&c->p, "all");

    if (!table_read_name(&c->p, t.name))
        return command_refused(c);
    t.table = table_find(&c->model->tables, t.name);
    if (ipfw_lex_at(&c->p, "atomic") && !ipfw_lex_next(&c->p))
        return command_refused(c);
    for (size_t i = 0; i < sizeof(table_commands) / sizeof(*table_commands); i++) {
        if (c->p.word.length < 3 || !command_word_begins(&c->p.word, table_commands[i].name) ||
            (all && !table_commands[i].of_all))
            continue;
        if (!ipfw_lex_next(&c->p))
            return command_refused(c);
        return all ? for_all_tables(&t, table_commands[i].run) : table_commands[i].run(&t);
    }
    parser_fail(&c->p,
                "'%s': expected create, destroy, add, delete, flush, list, info, lookup or "
                "swap after the table's name",
                c->p.word.s);
    return command_refused(c);
}
