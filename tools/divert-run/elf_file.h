/* SPDX-License-Identifier: BSD-2-Clause */
/* What a program's or a library's file says about how it is loaded. */
#ifndef DIVERT_RUN_ELF_FILE_H
#define DIVERT_RUN_ELF_FILE_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

struct elf {
    unsigned char class; /* ELFCLASS32 or ELFCLASS64 */
    uint16_t machine;
    bool interpreter; /* it has one: it is linked dynamically */
};

/* False: the file cannot be read, or is none of ELF. */
bool elf_read(const char *path, struct elf *elf);
/*
 * The dynamic loader that the file names; the caller frees it. NULL: none, or it is a file of
 * another word size than divert-run's.
 */
char *elf_interpreter(const char *path);
/* Does the file name a library whose name begins so? False for files of another word size. */
bool elf_needs(const char *path, const char *library);

#endif
