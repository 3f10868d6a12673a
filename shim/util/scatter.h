/* SPDX-License-Identifier: BSD-2-Clause */
/* Copying into the buffers of a message. */
#ifndef DIVERTSHIM_SCATTER_H
#define DIVERTSHIM_SCATTER_H

#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

/* Copies len bytes into the buffers of a message, one after the other; returns how much fitted. */
static inline size_t scatter(const struct msghdr *msg, const uint8_t *bytes, size_t len)
{
    size_t copied = 0;

    for (size_t i = 0; i < (size_t)msg->msg_iovlen && copied < len; i++) {
        const struct iovec *iov = &msg->msg_iov[i];
        size_t n = len - copied < iov->iov_len ? len - copied : iov->iov_len;

        memcpy(iov->iov_base, bytes + copied, n);
        copied += n;
    }
    return copied;
}

#endif
