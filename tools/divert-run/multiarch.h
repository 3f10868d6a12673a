/* SPDX-License-Identifier: BSD-2-Clause */
/* Copies of the library for several architectures on one host. */
#ifndef DIVERT_RUN_MULTIARCH_H
#define DIVERT_RUN_MULTIARCH_H

#include "elf_file.h"

#include <stdbool.h>

/* Is there a copy of LIBRARY for the architecture of ELF? */
bool multiarch_has_library(const char *library, const struct elf *elf);

/*
 * The name of LIBRARY for LD_PRELOAD: if there are copies for other architectures, a name with
 * $LIB, which each loader expands to its own folder. The caller frees it.
 */
char *multiarch_preload_name(const char *library);

#endif
