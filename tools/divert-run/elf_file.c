/* SPDX-License-Identifier: BSD-2-Clause */
/* Reads program headers and the dynamic section, within bounds whatever the file contains. */
#include "elf_file.h"

#include "util/text.h"

#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME_SIZE   256
#define DYNAMIC_MAX 4096 /* entries */

static bool has_interpreter(int fd, const unsigned char *head, bool wide)
{
    const Elf64_Ehdr *wide_head = (const void *)head;
    const Elf32_Ehdr *narrow_head = (const void *)head;
    unsigned count = wide ? wide_head->e_phnum : narrow_head->e_phnum;
    off_t at = wide ? (off_t)wide_head->e_phoff : (off_t)narrow_head->e_phoff;
    size_t size = wide ? wide_head->e_phentsize : narrow_head->e_phentsize;
    uint32_t type; /* the first member of both header types */

    for (unsigned i = 0; i < count; i++, at += (off_t)size) {
        if (pread(fd, &type, sizeof(type), at) == sizeof(type) && type == PT_INTERP)
            return true;
    }
    return false;
}

bool elf_read(const char *path, struct elf *elf)
{
    _Alignas(Elf64_Ehdr) unsigned char head[sizeof(Elf64_Ehdr)];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool is_elf;

    if (fd < 0)
        return false;
    is_elf = pread(fd, head, sizeof(head), 0) == sizeof(head) && memcmp(head, ELFMAG, SELFMAG) == 0;
    if (is_elf) {
        elf->class = head[EI_CLASS];
        elf->machine = ((const Elf64_Ehdr *)(const void *)head)
                           ->e_machine; /* same offset in both header types */
        elf->interpreter = has_interpreter(fd, head, elf->class == ELFCLASS64);
    }
    close(fd);
    return is_elf;
}

/* Opens a file of our own word size, and reads its header. */
static int open_own_class(const char *path, ElfW(Ehdr) * head)
{
    static const unsigned char own = sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd >= 0 && pread(fd, head, sizeof(*head), 0) == sizeof(*head) &&
        memcmp(head->e_ident, ELFMAG, SELFMAG) == 0 && head->e_ident[EI_CLASS] == own)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

/* Finds the first segment of TYPE; for PT_LOAD the one that holds ADDRESS. */
static bool find_segment(int fd, const ElfW(Ehdr) * head, uint32_t type, uintptr_t address,
                         ElfW(Phdr) * segment)
{
    for (unsigned i = 0; i < head->e_phnum; i++) {
        off_t at = (off_t)(head->e_phoff + (size_t)i * head->e_phentsize);

        if (pread(fd, segment, sizeof(*segment), at) == sizeof(*segment) &&
            segment->p_type == type &&
            (type != PT_LOAD ||
             (segment->p_vaddr <= address && address - segment->p_vaddr < segment->p_filesz)))
            return true;
    }
    return false;
}

static bool read_elf_name(int fd, uint64_t at, char name[NAME_SIZE])
{
    ssize_t len = pread(fd, name, NAME_SIZE - 1, (off_t)at);

    name[len > 0 ? len : 0] = '\0';
    return *name;
}

char *elf_interpreter(const char *path)
{
    ElfW(Ehdr) head;
    ElfW(Phdr) segment;
    char name[NAME_SIZE] = "";
    int fd = open_own_class(path, &head);

    if (fd < 0)
        return NULL;
    if (find_segment(fd, &head, PT_INTERP, 0, &segment))
        read_elf_name(fd, segment.p_offset, name);
    close(fd);
    return *name ? copy_string(name) : NULL;
}

/* File offset of the dynamic string table; 0: not found. */
static uint64_t find_elf_names(int fd, const ElfW(Ehdr) * head, uint64_t dynamic)
{
    ElfW(Dyn) entry;
    ElfW(Phdr) segment;

    for (unsigned i = 0; i < DYNAMIC_MAX; i++) {
        if (pread(fd, &entry, sizeof(entry), (off_t)(dynamic + i * sizeof(entry))) !=
                sizeof(entry) ||
            entry.d_tag == DT_NULL)
            return 0;
        if (entry.d_tag == DT_STRTAB && find_segment(fd, head, PT_LOAD, entry.d_un.d_ptr, &segment))
            return segment.p_offset + (entry.d_un.d_ptr - segment.p_vaddr);
    }
    return 0;
}

static bool list_has_library(int fd, uint64_t dynamic, uint64_t names, const char *library)
{
    char name[NAME_SIZE];
    ElfW(Dyn) entry;

    for (unsigned i = 0; i < DYNAMIC_MAX; i++) {
        if (pread(fd, &entry, sizeof(entry), (off_t)(dynamic + i * sizeof(entry))) !=
                sizeof(entry) ||
            entry.d_tag == DT_NULL)
            return false;
        if (entry.d_tag == DT_NEEDED && read_elf_name(fd, names + entry.d_un.d_val, name) &&
            strncmp(name, library, strlen(library)) == 0)
            return true;
    }
    return false;
}

bool elf_needs(const char *path, const char *library)
{
    ElfW(Ehdr) head;
    ElfW(Phdr) segment;
    int fd = open_own_class(path, &head);
    bool needs = false;
    uint64_t names;

    if (fd < 0)
        return false;
    if (find_segment(fd, &head, PT_DYNAMIC, 0, &segment)) {
        names = find_elf_names(fd, &head, segment.p_offset);
        needs = names && list_has_library(fd, segment.p_offset, names, library);
    }
    close(fd);
    return needs;
}
