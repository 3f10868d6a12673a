/*
 * divertshim: <machine/in_cksum.h> of FreeBSD, as far as programs use it. Sums and addresses are in
 * network byte order, as in the packet.
 */
#ifndef DIVERTSHIM_MACHINE_IN_CKSUM_H
#define DIVERTSHIM_MACHINE_IN_CKSUM_H

#pragma GCC system_header
#include <netinet/in.h>
#include <netinet/ip.h>
#include <stdint.h>
#include <sys/types.h>

/* A sum of 16-bit words with its carries added in. */
static __inline u_short __divertshim_fold(uint64_t sum)
{
    while (sum > 0xffff)
        sum = (sum & 0xffff) + (sum >> 16);
    return (u_short)sum;
}

static __inline u_short in_addword(u_short sum, u_short word)
{
    return __divertshim_fold((uint64_t)sum + word);
}

/* The sum of a pseudo header: two addresses, and htons() of length plus protocol. Not inverted. */
static __inline u_short in_pseudo(u_int source, u_int destination, u_int rest)
{
    return __divertshim_fold((uint64_t)source + destination + rest);
}

/*
 * The checksum over a header of 20 bytes: 0 if ip_sum is right; the value for ip_sum if that is 0.
 */
static __inline u_int in_cksum_hdr(const struct ip *header)
{
    uint64_t sum = 0;
    uint32_t word;
    int i;

    for (i = 0; i < 5; i++) {
        __builtin_memcpy(&word, (const char *)header + i * 4, sizeof(word));
        sum += word;
    }
    return (u_short)~__divertshim_fold(sum);
}

#endif
