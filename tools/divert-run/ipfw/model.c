/* SPDX-License-Identifier: BSD-2-Clause */
/* Frees models and replies. */
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
    tables_free(&model->tables);
    *model = (struct ipfw_model){0};
}
