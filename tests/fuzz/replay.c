/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs a fuzz target on files, and on all files of directories, without a fuzzer. */
#include "fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <sys/stat.h>

static unsigned files;

static void run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = NULL;
    size_t size = 0;
    struct stat st;

    REQUIRE(file && fstat(fileno(file), &st) == 0, "%s: %s", path, strerror(errno));
    data = malloc((size_t)st.st_size + 1);
    REQUIRE(data, "%s: no memory", path);
    size = fread(data, 1, (size_t)st.st_size, file);
    fclose(file);
    fprintf(stderr, "%s\n", path); /* the last line tells which one it was */
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    files++;
}

static void run_path(const char *path)
{
    DIR *directory = opendir(path);
    const struct dirent *entry;
    char below[PATH_MAX];

    if (!directory) {
        run_file(path);
        return;
    }
    while ((entry = readdir(directory))) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(below, sizeof(below), "%s/%s", path, entry->d_name);
        run_path(below);
    }
    closedir(directory);
}

int main(int argc, char *argv[])
{
    for (int i = 1; i < argc; i++)
        run_path(argv[i]);
    printf("%u files\n", files);
    if (!files)
        fprintf(stderr, "usage: %s FILE-OR-DIRECTORY...\n", argv[0]);
    return files == 0;
}
