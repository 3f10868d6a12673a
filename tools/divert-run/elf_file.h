/* SPDX-License-Identifier: BSD-2-Clause */
/* How a program or library is loaded, from its ELF file. */
#ifndef DIVERT_RUN_ELF_FILE_H
#define DIVERT_RUN_ELF_FILE_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

struct elf {
    unsigned char class; /* ELFCLASS32 or ELFCLASS64 */
    uint16_t machine;
    bool interpreter; /* it has one, so it is linked dynamically */
};

/* False: the file cannot be read, or is not ELF. */
bool elf_read(const char *path, struct elf *elf);
/*
 * The dynamic loader that the file names; the caller frees it. NULL: it names none, or its word
 * size is not divert-run's.
 */
char *elf_interpreter(const char *path);
/*
 * Does the file need a library whose name begins with LIBRARY? False for files of another word
 * size.
 */
bool elf_needs(const char *path, const char *library);

#endif
