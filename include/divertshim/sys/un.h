/*
 * divertshim: <sys/un.h> with sun_len in struct sockaddr_un. It is the last byte of sun_path.
 */
#ifndef DIVERTSHIM_SYS_UN_H
#define DIVERTSHIM_SYS_UN_H

#pragma GCC system_header
#define sockaddr_un divertshim_libc_sockaddr_un
#include_next <sys/un.h>
#undef sockaddr_un

struct __attribute__((__may_alias__)) sockaddr_un {
    sa_family_t sun_family;
    __extension__ union {
        char sun_path[108];
        __extension__ struct {
            char __sun_path[107];
            unsigned char sun_len;
        };
    };
};

#endif
