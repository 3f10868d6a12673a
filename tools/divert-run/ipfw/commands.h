/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files with the commands of ipfw share. */
#ifndef DIVERT_RUN_COMMANDS_H
#define DIVERT_RUN_COMMANDS_H

#include "ipfw/model.h"
#include "ipfw/private.h"

/* A command while it is read. The parser is at the word behind its name. */
struct command {
    struct parser p;
    struct ipfw_model *model;
    struct ipfw_reply *reply;
    bool quiet, force, syntax_only, counters, show_sets;
    int set; /* "set N" before the command, or -1 */
};

typedef enum ipfw_result ipfw_run_command(struct command *c);

/* command.c */
/* The rest of the line must be empty. False: it is not, and the error is filled in. */
bool command_at_end(struct command *c);
/* The result after parser_fail() or the like. */
enum ipfw_result command_refused(struct command *c);
/* The command failed as in ipfw, with that exit status and "ipfw: ..." on its standard error. */
enum ipfw_result command_failed(struct command *c, int status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* Is the word short for that name, as "del" for "delete"? */
bool command_word_begins(const struct word *word, const char *name);
/* Takes the current word as a number of rules, N or N-M; false: it is none. */
bool command_rule_range(struct command *c, struct rule_range *range);
/* Takes the current word as the number of a set; false: it is none. */
bool command_set_number(struct command *c, unsigned *set);

/* add.c. LINE is the whole line, with blanks in place of what precedes the rule. */
enum ipfw_result command_add(struct command *c, const char *line);

/* rules.c */
ipfw_run_command command_delete, command_flush, command_list, command_show, command_zero;
/* Appends the line of "list" for a rule to the reply. */
void ipfw_print_rule(const struct command *c, const struct rule *rule);

/* sets.c, table_command.c */
ipfw_run_command command_set, command_table;

#endif
