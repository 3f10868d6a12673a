/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Debian has a library folder for each architecture, such as lib/i386-linux-gnu, which the loader
 * of that architecture substitutes for $LIB.
 */
#include "multiarch.h"

#include "util/text.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef DIVERTSHIM_MULTIARCH
#define DIVERTSHIM_MULTIARCH "."
#endif

static const struct kind {
    struct elf elf;
    const char *folder;
} kinds[] = {
    {{.class = ELFCLASS64, .machine = EM_X86_64}, "x86_64-linux-gnu"},
    {{.class = ELFCLASS32, .machine = EM_386}, "i386-linux-gnu"},
    {{.class = ELFCLASS32, .machine = EM_X86_64}, "x86_64-linux-gnux32"},
    {{.class = ELFCLASS64, .machine = EM_AARCH64}, "aarch64-linux-gnu"},
    {{.class = ELFCLASS32, .machine = EM_ARM}, "arm-linux-gnueabihf"},
};

#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/*
 * The length of the path of our own library up to "/lib/FOLDER/NAME"; -1: it is not in such a
 * folder.
 */
static int prefix_length(const char *library)
{
    static const char folder[] = "/lib/" DIVERTSHIM_MULTIARCH "/";
    const char *at = strstr(library, folder);

    return at && !strchr(at + sizeof(folder) - 1, '/') ? (int)(at - library) : -1;
}

static bool has_kind(const char *library, const char *folder)
{
    int prefix = prefix_length(library);
    struct text path = {0};
    bool found;

    if (prefix < 0)
        return false;
    text_add(&path, "%.*s/lib/%s%s", prefix, library, folder, strrchr(library, '/'));
    found = access(text_str(&path), R_OK) == 0;
    text_free(&path);
    return found;
}

bool multiarch_has_library(const char *library, const struct elf *elf)
{
    for (size_t i = 0; i < KINDS; i++) {
        if (kinds[i].elf.class == elf->class && kinds[i].elf.machine == elf->machine)
            return has_kind(library, kinds[i].folder);
    }
    return false;
}

static bool has_other_kinds(const char *library)
{
    for (size_t i = 0; i < KINDS; i++) {
        if (strcmp(kinds[i].folder, DIVERTSHIM_MULTIARCH) != 0 &&
            has_kind(library, kinds[i].folder))
            return true;
    }
    return false;
}

char *multiarch_preload_name(const char *library)
{
    struct text name = {0};

    if (!has_other_kinds(library))
        return copy_string(library);
    text_add(&name, "%.*s/$LIB%s", prefix_length(library), library, strrchr(library, '/'));
    return name.s;
}
