/* SPDX-License-Identifier: BSD-2-Clause */
/* Opens the files of --trace and --pcap for the library. */
#include "trace_files.h"

#include "common/environment.h"
#include "common/trace_open.h"
#include "util/message.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int open_trace_file(const char *option, const char *variable, const char *path,
                           const struct pcap_head *head)
{
    int fd = trace_open(path, head, TRACE_OPEN_WAIT);
    char here[64];

    if (fd < 0) {
        message_error("%s: %s: %s", option, path,
                      fd == -ELOOP ? "it is a link of another user's" : strerror(-fd));
        return STATUS_FAILED;
    }
    snprintf(here, sizeof(here), "/proc/%d/fd/%d", (int)getpid(), fd);
    setenv(variable, here, 1);
    return 0;
}

int trace_files_open(const struct options *options)
{
    int status = 0;

    if (options->trace && strcmp(options->trace, "-") == 0)
        setenv(ENV_TRACE, "1", 1);
    else if (options->trace)
        status = open_trace_file("--trace", ENV_TRACE, options->trace, NULL);
    if (!status && options->pcap)
        status = open_trace_file("--pcap", ENV_PCAP, options->pcap, &pcap_head);
    return status;
}
