/* SPDX-License-Identifier: BSD-2-Clause */
/* The library in several kinds, one for each machine whose programs run here. */
#ifndef DIVERT_RUN_MULTIARCH_H
#define DIVERT_RUN_MULTIARCH_H

#include "elf_file.h"

#include <stdbool.h>

/* Whether there is another library beside LIBRARY, for the kind of program that ELF is of. */
bool multiarch_has_library(const char *library, const struct elf *elf);

/* LIBRARY as the loader is to be told of it: if there are others, by a name that each loader
 * completes with the folder of its own. The caller frees it. */
char *multiarch_preload_name(const char *library);

#endif
