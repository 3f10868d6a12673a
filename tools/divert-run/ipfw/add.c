/* SPDX-License-Identifier: BSD-2-Clause */
/* Adds a rule to the model, or several of the same number if it has or-blocks. */
#include "ipfw/alternatives.h"
#include "ipfw/commands.h"
#include "ipfw/ipfw.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

static enum ipfw_result refuse_placeless(struct command *c, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static enum ipfw_result refuse_placeless(struct command *c, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(c->reply->error.message, sizeof(c->reply->error.message), fmt, ap);
    va_end(ap);
    c->reply->placeless = true;
    c->reply->status = EX_DATAERR;
    return IPFW_REFUSED;
}

static enum ipfw_result refuse_unplaced(struct command *c, const struct rule *rule)
{
    if (rule->action == RULE_SKIPTO)
        return refuse_placeless(
            c, "'skipto %u': skipto goes forward only; give the rule a number below %u",
            rule->argument, rule->argument);
    return refuse_placeless(
        c, "rule %d leaves no room before the default rule 65535; give it a lower number",
        RULE_NUMBER_MAX);
}

/* A packet that several alternatives match would be counted, or copied, for each. */
static bool may_have_alternatives(const struct rule *rule)
{
    return rule->action != RULE_COUNT && rule->action != RULE_TEE &&
           !rule_clause(rule, CLAUSE_PROB);
}

static unsigned limit_group; /* of the rules that the line is expanded to */

/* Adds one alternative of the line; all have the number of the first. */
static enum ipfw_result add_parsed_rule(struct command *c, const char *text, unsigned *number,
                                        bool several)
{
    struct rule *rule = grow_array(NULL, 1, sizeof(*rule));
    enum rule_result parsed = ipfw_parse(text, rule, &c->reply->error);
    enum ipfw_result result = IPFW_DONE;

    if (parsed == RULE_OK && !rule->number)
        rule->number = *number;
    rule->state.limit_group = limit_group;
    if (parsed == RULE_BAD)
        result = command_refused(c);
    else if (parsed == RULE_EMPTY)
        result = refuse_placeless(c, "expected a rule after 'add'");
    else if (several && !may_have_alternatives(rule))
        result =
            refuse_placeless(c, "alternatives in braces stand for several rules, and count, tee "
                                "and prob would act once for each; write one rule for each");
    else if (c->syntax_only)
        result = IPFW_DONE;
    else if (!(*number = ruleset_add(&c->model->rules, rule)))
        result = refuse_unplaced(c, rule);
    rule->number = *number;
    if (result == IPFW_DONE && !c->quiet)
        ipfw_print_rule(c, rule);
    free(rule);
    return result;
}

/* "add 100 // text" adds a comment: a rule that does nothing. The caller frees the result. */
static char *comment_as_rule(const char *line)
{
    size_t number = strspn(line, " \t"), end = number + strspn(line + number, "0123456789");
    struct text text = {0};

    if (strncmp(line + end + strspn(line + end, " \t"), "//", 2) != 0)
        return NULL;
    text_add(&text, "%.*s count ip from any to any", (int)end, line);
    return text.s;
}

static enum ipfw_result add_comment(struct command *c, const char *rule)
{
    unsigned number = 0;
    enum ipfw_result result = add_parsed_rule(c, rule, &number, false);

    c->reply->placeless = true; /* an error is not in the line as written */
    return result;
}

static enum ipfw_result add_alternatives(struct command *c, const char *line)
{
    struct alternatives *found = grow_array(NULL, 1, sizeof(*found));
    enum ipfw_result result = IPFW_DONE;
    unsigned number = 0;

    limit_group++;
    if (!alternatives_read(line, found, &c->reply->error))
        result = command_refused(c);
    for (unsigned i = 0; result == IPFW_DONE && i < found->rules; i++) {
        char *chosen = copy_string(line);

        alternatives_choose(found, i, chosen);
        result = add_parsed_rule(c, chosen, &number, found->rules > 1);
        free(chosen);
    }
    free(found);
    return result;
}

enum ipfw_result command_add(struct command *c, const char *line)
{
    char *comment = comment_as_rule(line);
    enum ipfw_result result = comment ? add_comment(c, comment) : add_alternatives(c, line);

    free(comment);
    return result;
}
