/* SPDX-License-Identifier: BSD-2-Clause */
/* sysctl(3) for what divert programs ask for: the interfaces and a few names. */
#ifndef DIVERTSHIM_SYSCTL_H
#define DIVERTSHIM_SYSCTL_H

#include <stddef.h>

/* A result buffer: *len bytes at value. With value NULL only *len is set; len may be NULL, too. */
struct sysctl_old {
    void *value;
    size_t *len;
};

/*
 * As sysctl(3) of FreeBSD; 0 or -errno: -ENOENT (unknown), -ENOMEM (as much as fitted was copied),
 * -EINVAL, -EPERM (cannot be changed, or not by this user), -EOPNOTSUPP (routing table).
 */
int sysctl_by_mib(const int *mib, unsigned count, struct sysctl_old *old, const void *new,
                  size_t new_len);
int sysctl_by_name(const char *name, struct sysctl_old *old, const void *new, size_t new_len);

/* The MIB of a name: *count is the room and becomes the length. 0, -ENOENT or -ENOMEM. */
int sysctl_mib_of(const char *name, int *mib, size_t *count);

/* Copies len bytes to the result buffer, or only their number. 0 or -ENOMEM. */
int sysctl_give(struct sysctl_old *old, const void *value, size_t len);

/*
 * NET_RT_IFLIST: RTM_IFINFO for each interface, or the one of that index, followed by RTM_NEWADDR
 * for each address of the family (0: both). Only whole messages are copied. Returns 0 or -errno:
 * -ENOMEM, -EAGAIN if the interfaces kept changing, or what opening a netlink socket returns.
 */
int sysctl_interfaces(int family, unsigned index, struct sysctl_old *old);

#endif
