/* --trace and --pcap. */
#ifndef DIVERT_RUN_TRACE_FILES_H
#define DIVERT_RUN_TRACE_FILES_H

#include "options.h"

/*
 * Empties the files, keeps them open for as long as this process lives, and tells the library by
 * DIVERTSHIM_TRACE and DIVERTSHIM_PCAP where they are: here, so that no name is looked up again.
 * Waits for the reader of a named pipe. 0, or an exit status after saying what is wrong.
 */
int trace_files_open(const struct options *options);

#endif
