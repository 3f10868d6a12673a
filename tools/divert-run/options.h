/* SPDX-License-Identifier: BSD-2-Clause */
/* The command line. */
#ifndef DIVERT_RUN_OPTIONS_H
#define DIVERT_RUN_OPTIONS_H

#include "filter.h"
#include "ipfw/command.h"
#include "pf/pf.h"

enum mode { MODE_RUN, MODE_CHECK, MODE_STATUS, MODE_CLEANUP, MODE_HELP, MODE_VERSION };

struct options {
    enum mode mode;
    struct filter filter;
    struct ruleset rules;
    struct ipfw_model ipfw; /* the sources of rules; one of them is empty */
    struct pf_ruleset pf;
    const char *personality; /* NULL: not given */
    bool gso;
    bool no_restore;
    const char *trace; /* a file, or - for the standard error; NULL: not given */
    const char *pcap;  /* a file; NULL: not given */
    double interval;   /* of MODE_STATUS: seconds; 0: once */
    bool json;
    char **script_args; /* of --ipfw-script, up to NULL */
    char **command;     /* NULL: none */
};

/* Fills OPTIONS, and parses the rules. 0, or an exit status after an error message. */
int options_parse(int argc, char *argv[], struct options *options);
void options_help(void);

#endif
