/* SPDX-License-Identifier: BSD-2-Clause */
/* sysctl(3) for what divert programs ask: interfaces, and a few names. */
#ifndef DIVERTSHIM_SYSCTL_H
#define DIVERTSHIM_SYSCTL_H

#include <stddef.h>

/* A place for a result: bytes at value, *len of them. value may be NULL to learn *len; both may. */
struct sysctl_old {
    void *value;
    size_t *len;
};

/*
 * As sysctl(3) of FreeBSD. Errors: -ENOENT (not known here), -ENOMEM (as much as fitted was
 * copied), -EINVAL, -EPERM (cannot be changed, or not by this user), -EOPNOTSUPP (routing table).
 */
int sysctl_by_mib(const int *mib, unsigned count, struct sysctl_old *old, const void *new,
                  size_t new_len);
int sysctl_by_name(const char *name, struct sysctl_old *old, const void *new, size_t new_len);

/* The numbers of a name: *count of them, of as many as fit. -ENOENT, -ENOMEM. */
int sysctl_mib_of(const char *name, int *mib, size_t *count);

/* Hands len bytes out, or their number. */
int sysctl_give(struct sysctl_old *old, const void *value, size_t len);

/*
 * NET_RT_IFLIST: RTM_IFINFO for each interface, or the one of that index, followed by RTM_NEWADDR
 * for each address of the family (0: of both). Whole messages only.
 */
int sysctl_interfaces(int family, unsigned index, struct sysctl_old *old);

#endif
