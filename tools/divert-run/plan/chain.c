/* SPDX-License-Identifier: BSD-2-Clause */
/* Chains, their lines, and the conditions of lines. */
#include "plan/private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct condition *conditions_add(struct conditions *list, int proto, unsigned slots,
                                 struct text *text)
{
    struct condition *condition;

    list->items = grow_array(list->items, list->count + 1, sizeof(*list->items));
    condition = &list->items[list->count++];
    *condition =
        (struct condition){.proto = proto, .slots = slots, .text = copy_string(text_str(text))};
    text_free(text);
    return condition;
}

void conditions_free(struct conditions *list)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].below)
            conditions_free(list->items[i].below);
        free(list->items[i].below);
        free(list->items[i].text);
    }
    free(list->items);
    *list = (struct conditions){0};
}

struct chain *plan_chain(struct plan *plan, enum hook hook, const char *fmt, ...)
{
    struct chain *chain = grow_array(NULL, 1, sizeof(*chain));
    const char *name = plan->dialect->hook_names[hook];
    va_list ap;
    int len;

    *chain = (struct chain){.hook = hook};
    len = snprintf(chain->name, sizeof(chain->name), "%s%s", plan->prefix, name);
    va_start(ap, fmt);
    vsnprintf(chain->name + len, sizeof(chain->name) - (size_t)len, fmt, ap);
    va_end(ap);
    plan->chains = grow_array(plan->chains, plan->count + 1, sizeof(*plan->chains));
    plan->chains[plan->count++] = chain;
    return chain;
}

struct line *chain_line(struct chain *chain, const char *condition)
{
    struct line *line;

    chain->lines = grow_array(chain->lines, chain->count + 1, sizeof(*chain->lines));
    line = &chain->lines[chain->count++];
    *line = (struct line){.condition = copy_string(condition)};
    return line;
}

void line_op(struct line *line, enum op_kind kind, unsigned value)
{
    line->ops[line->op_count++] = (struct op){kind, value};
}

void line_goto(struct line *line, enum verdict verdict, const struct chain *target)
{
    line->verdict = verdict;
    memcpy(line->target, target->name, sizeof(line->target));
}

void chain_return_if_passed(const struct plan *plan, struct chain *chain, unsigned n)
{
    struct conditions passed = {0};

    plan->dialect->tag_at_least(plan->dialect, n, &passed);
    for (size_t i = 0; i < passed.count; i++)
        chain_line(chain, passed.items[i].text)->verdict = VERDICT_RETURN;
    conditions_free(&passed);
}
