/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef DIVERTSHIM_OWN_H
#define DIVERTSHIM_OWN_H

#include <stdbool.h>

/* Whether this process may change the tables: not if it only borrows its parent's memory. */
bool own_tables(void);

#endif
