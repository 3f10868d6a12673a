/*
 * divertshim: the part of <sys/socket.h> that defines its address structures, with BSD's length
 * members sa_len and ss_len. They are bytes of the structure that nothing else uses; the C library
 * and the kernel do not know them, so sa_len reads as what the program has put there. Not for
 * programs: they include <sys/socket.h>.
 */
#pragma GCC system_header

/* musl has the structures in <sys/socket.h>. */
#ifndef __GLIBC__
#include_next <bits/socket.h>
#elif !defined(DIVERTSHIM_BITS_SOCKET_H)
#define sockaddr         divertshim_libc_sockaddr
#define sockaddr_storage divertshim_libc_sockaddr_storage
#include_next <bits/socket.h>
#undef sockaddr
#undef sockaddr_storage
#define DIVERTSHIM_BITS_SOCKET_H

struct __attribute__((__may_alias__)) sockaddr {
    sa_family_t sa_family;
    __extension__ union {
        char sa_data[14];
        __extension__ struct {
            char __sa_address[13];
            unsigned char sa_len; /* the last byte of sin_zero, too: sin_len */
        };
    };
};

struct __attribute__((__may_alias__)) sockaddr_storage {
    sa_family_t ss_family;
    __extension__ union {
        char __ss_padding[_SS_PADSIZE];
        __extension__ struct {
            char __ss_address[_SS_PADSIZE - 1];
            unsigned char ss_len; /* behind all addresses */
        };
    };
    __ss_aligntype __ss_align;
};

#endif
