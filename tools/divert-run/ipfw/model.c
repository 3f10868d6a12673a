/* SPDX-License-Identifier: BSD-2-Clause */
/* The rules that are in force, out of those of all sets. */
#include "ipfw/model.h"

void ipfw_reply_free(struct ipfw_reply *reply)
{
    text_free(&reply->out);
    text_free(&reply->err);
    *reply = (struct ipfw_reply){0};
}

void ipfw_model_free(struct ipfw_model *model)
{
    ruleset_free(&model->rules);
    *model = (struct ipfw_model){0};
}

void ipfw_resolve(const struct ipfw_model *model, struct ruleset *out)
{
    for (size_t i = 0; i < model->rules.count && !model->off; i++) {
        const struct rule *rule = model->rules.rules[i];

        if (!(model->disabled_sets & 1u << rule->set))
            ruleset_add(out, rule);
    }
}
