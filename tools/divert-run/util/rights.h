/* SPDX-License-Identifier: BSD-2-Clause */
/* Whether the kernel lets this process change the packet filter of its network namespace. */
#ifndef DIVERT_RUN_RIGHTS_H
#define DIVERT_RUN_RIGHTS_H

#include <stdbool.h>

/* False after an error message "WHAT ...", which says what is missing. */
bool rights_check(const char *what);

#endif
