/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the fuzz targets share. A target is one file with LLVMFuzzerTestOneInput(); linked with
 * libFuzzer it runs on generated inputs (tests/fuzz/run), linked with replay.c on files.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What must hold whatever the input is. */
#define REQUIRE(condition, ...)                                                     \
    do {                                                                            \
        if (!(condition)) {                                                         \
            fprintf(stderr, "%s:%d: not so: %s: ", __FILE__, __LINE__, #condition); \
            fprintf(stderr, __VA_ARGS__);                                           \
            fputc('\n', stderr);                                                    \
            abort();                                                                \
        }                                                                           \
    } while (0)

/* An input that is consumed from the front; zeros follow its end. */
struct input {
    const uint8_t *at;
    size_t left;
};

static inline uint8_t take8(struct input *in)
{
    if (!in->left)
        return 0;
    in->left--;
    return *in->at++;
}

static inline uint16_t take16(struct input *in)
{
    uint8_t high = take8(in);

    return (uint16_t)(high << 8 | take8(in));
}

/*
 * The next len bytes, or as many as are left, in a block of their own, so that sanitizers notice a
 * read or write beside it. The caller frees it.
 */
static inline uint8_t *take_block(struct input *in, size_t len, size_t *taken)
{
    uint8_t *block;

    *taken = len < in->left ? len : in->left;
    block = malloc(*taken ? *taken : 1);
    REQUIRE(block, "no memory");
    memcpy(block, in->at, *taken);
    in->at += *taken;
    in->left -= *taken;
    return block;
}

#endif
