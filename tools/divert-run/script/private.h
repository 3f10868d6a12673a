/* SPDX-License-Identifier: BSD-2-Clause */
/* What divert-run, which runs the script, and the commands in it share. */
#ifndef DIVERT_RUN_SCRIPT_PRIVATE_H
#define DIVERT_RUN_SCRIPT_PRIVATE_H

#include "util/text.h"

#include <stdbool.h>
#include <sys/types.h>

/* The place of the running script, for the commands in it: a directory with bin/ and socket. */
#define ENV_SCRIPT "DIVERT_RUN_SCRIPT"

/* The names of the commands, up to NULL. */
extern const char *const script_commands[];

/* place.c */
/*
 * Makes a directory of mode 0700, with links to this program in bin/, and an empty sbin/. False
 * after an error message.
 */
bool place_make(char path[64]);
void place_remove(const char *path);

/* root.c: makes the commands visible in /sbin for this process and its children. 0, or an errno. */
int root_show_commands(const char *place);

/* request.c: a command travels as words with a NUL behind each, in a file in memory. */
struct request {
    int file, reply; /* descriptors */
    struct text words;
};

/* A socket that takes requests. -1: none, with errno. */
int request_socket(const char *place);
/* Receives one. False: there is none. */
bool request_take(int socket, struct request *request);
/* Answers it, and frees it. */
void request_answer(struct request *request, int status, const char *out, const char *err);
/*
 * The other end: sends words and waits for the answer, which it appends. Returns the exit status,
 * or -1 if nobody answers.
 */
int request_send(const char *place, const struct text *words, struct text *out, struct text *err);

#endif
