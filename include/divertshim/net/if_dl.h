/*
 * divertshim: <net/if_dl.h> of BSD: the link-layer address of an interface in routing messages. The
 * members have BSD's names; sdl_family and sdl_len are where every struct sockaddr has its
 * sa_family and sa_len.
 */
#ifndef DIVERTSHIM_NET_IF_DL_H
#define DIVERTSHIM_NET_IF_DL_H

#pragma GCC system_header
#include <sys/socket.h>
#include <sys/types.h>

struct sockaddr_dl {
    sa_family_t sdl_family; /* AF_LINK */
    u_short sdl_index;
    u_char sdl_type; /* as <net/if_types.h> has them */
    u_char sdl_nlen; /* bytes of the name, which has no NUL */
    u_char sdl_alen; /* bytes of the link-layer address after it */
    u_char sdl_slen;
    u_char __sdl_unused[7];
    u_char sdl_len;
    char sdl_data[46];
};

#define LLADDR(s) ((s)->sdl_data + (s)->sdl_nlen)

#endif
