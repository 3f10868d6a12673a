/* SPDX-License-Identifier: BSD-2-Clause */
/* Carries out the commands of a script. */
#ifndef DIVERT_RUN_SCRIPT_SERVE_H
#define DIVERT_RUN_SCRIPT_SERVE_H

#include "ipfw/model.h"
#include "script/private.h"

/* What the script has done so far. */
struct script_progress {
    const char *script; /* its name, for messages */
    struct ipfw_model *model;
    unsigned commands, refused; /* of ipfw */
    struct text failed;         /* the last command that failed, as in ipfw, and why */
};

/* Carries out one request and answers it. A refused command is reported at once. */
void serve_request(struct script_progress *progress, struct request *request);

#endif
