/* SPDX-License-Identifier: BSD-2-Clause */
/* The files of --trace and --pcap. */
#ifndef DIVERT_RUN_TRACE_FILES_H
#define DIVERT_RUN_TRACE_FILES_H

#include "options.h"

/*
 * Opens the files as trace_open() does, and keeps them open as long as this process lives. Passes
 * their paths under /proc/PID/fd to the library, in the environment, so that no name is looked up
 * again. Waits for the reader of a named pipe. 0, or an exit status after an error message.
 */
int trace_files_open(const struct options *options);

#endif
