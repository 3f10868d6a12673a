/* SPDX-License-Identifier: BSD-2-Clause */
/* The rules in iptables and ip6tables: their text, and installing them by iptables-restore(8). */
#ifndef DIVERT_RUN_IPTABLES_H
#define DIVERT_RUN_IPTABLES_H

#include "plan/plan.h"
#include "util/owner.h"

/* The programs of one kind of iptables. */
struct iptables_tools {
    const char *restore[2], *save[2]; /* IPv4, IPv6 */
};

/* The iptables of this host, as far as one run uses it. */
struct iptables_host {
    const struct iptables_tools *tools;
    bool families[2]; /* rules are installed there, or to be: IPv4, IPv6 */
};

/*
 * Appends the text of RULES for FAMILY, 4 or 6, to OUT. Touches nothing. False, with *too_long set:
 * that rule has more lists than chains can be nested.
 */
bool iptables_text(const struct ruleset *rules, const struct filter_options *options, int family,
                   struct text *out, const struct rule **too_long);

/*
 * Finds the kind of iptables that can queue packets here, and enters in HOST and OPTIONS what else
 * it can do. NEED_SIX: it must be able to do so for IPv6, too. If there is none, WHY gets the
 * reason.
 */
bool iptables_probe(struct iptables_host *host, struct filter_options *options, bool need_six,
                    struct text *why);
/*
 * Enters in OPTIONS the position of our rules behind those of other runs, and in OTHERS their tags.
 */
void iptables_survey(const struct iptables_host *host, struct filter_options *options,
                     struct owner_tags *others);
/* Are the jumps to the rules of this run in place? */
bool iptables_in_place(const struct iptables_host *host, const struct filter_options *options);
/*
 * The sizes of the tables of iptables-legacy that may hold our rules; zeros for a table that does
 * not exist.
 */
struct iptables_size {
    uint32_t entries, bytes;
};
void iptables_legacy_sizes(struct iptables_size sizes[4]);
/* Has another run its rules in any kind of iptables? */
bool iptables_has_runs(void);
/* Installs what iptables_text() made, all of it or nothing. 0, or an exit status after an error
 * message. */
int iptables_install(const struct iptables_host *host, int family, const char *ruleset);
/* Removes the rules of the run ID; they may be gone already. False: some of them stayed. */
bool iptables_remove(const struct iptables_host *host, const char *id);
/*
 * Appends the contents of the tables with rules of runs, with counters, for FAMILY, 4 or 6. SAVE is
 * the save[0] of a kind of iptables. False: it failed, or there is no such kind.
 */
bool iptables_list_counters(const char *save, int family, struct text *out);
/* Are there chains of a run ID? */
bool iptables_id_taken(const struct iptables_host *host, const char *id);
/* Removes the rules of dead runs, whichever kind of iptables they are in. Returns the number of
 * runs, or -1 if something could not be removed. */
int iptables_sweep(void);

#endif
