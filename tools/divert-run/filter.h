/* Putting rules into the kernel's packet filter and taking them out again, by nft or by one of the
 * iptables. */
#ifndef DIVERT_RUN_FILTER_H
#define DIVERT_RUN_FILTER_H

#include "backend.h"

enum filter_kind { FILTER_AUTO, FILTER_NFT, FILTER_IPTABLES };

struct iptables_tools {
    const char *restore[2], *save[2]; /* IPv4, IPv6 */
};

struct filter {
    enum filter_kind kind;
    struct filter_options options;
    const struct iptables_tools *tools;
    bool families[2]; /* installed, or to be: IPv4, IPv6 */
};

/* Prints what would be run for RULES. Returns 0 or an exit status. */
int filter_check(struct filter *filter, const struct ruleset *rules);
/*
 * Chooses the back end, removes what dead runs left in any, and installs RULES: all of them, or
 * nothing. Numbers them on from those of other runs where these share the tag; tag_base in the
 * options tells by how much. Returns 0, or an exit status after saying what is wrong.
 */
int filter_install(struct filter *filter, struct ruleset *rules);
/* Removes exactly what filter_install() put in; what is gone already does not matter. False: some
 * of it stayed. */
bool filter_remove(struct filter *filter);
/* --cleanup: what dead runs left, everywhere. Returns an exit status. */
int filter_cleanup(void);

/* The back ends. 0, or an exit status after saying what is wrong; for the probes, why is filled
 * instead. */
bool nft_probe(struct text *why);
int nft_install(struct filter *filter, const char *ruleset);
bool nft_remove(const char *id);
bool nft_id_taken(const char *id);
/* Returns the number of tables removed, or -1 if one would not go. */
int nft_sweep(void);

/* Where our rules go beside those of other runs. 0, or an exit status after saying why not. */
int iptables_survey(struct filter *filter, bool tracks);
bool iptables_probe(struct filter *filter, bool need_six, struct text *why);
int iptables_install(struct filter *filter, int family, const char *ruleset);
bool iptables_remove(struct filter *filter);
bool iptables_id_taken(const struct filter *filter, const char *id);
int iptables_sweep(void);

#endif
