#ifndef DIVERT_RUN_IPTABLES_H
#define DIVERT_RUN_IPTABLES_H

#include "backend.h"

struct dialect iptables_dialect(const struct filter_options *options);

/* What the two hooks are in iptables' words. Indexed by enum hook. */
extern const char *const iptables_tables[2];
extern const char *const iptables_base_chains[2];

#endif
