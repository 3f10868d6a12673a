/* SPDX-License-Identifier: BSD-2-Clause */
/* The sysctl variables of ipfw: net.inet.ip.fw.*. */
#ifndef DIVERT_RUN_SYSCTL_H
#define DIVERT_RUN_SYSCTL_H

#include "ipfw/model.h"

/*
 * Does what sysctl(8) does for "NAME" or "NAME=VALUE", and appends its output, with BARE without
 * the name. False: there is no such variable, or the value is invalid.
 */
bool ipfw_sysctl(struct ipfw_model *model, const char *word, bool bare, struct text *out);

#endif
