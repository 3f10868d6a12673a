/* SPDX-License-Identifier: BSD-2-Clause */
/* The commands of FreeBSD's ipfw(8). A rule without a command before it is added, as by "add". */
#ifndef DIVERT_RUN_COMMAND_H
#define DIVERT_RUN_COMMAND_H

#include "ipfw/model.h"

/*
 * Carries out the command in a line. After IPFW_REFUSED the rules must not be used: some may be
 * missing.
 */
enum ipfw_result ipfw_command(struct ipfw_model *model, const char *line, struct ipfw_reply *reply);

#endif
