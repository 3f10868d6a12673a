/*
 * divertshim: for sources that ask the compiler which system they are compiled for. With
 *
 *     cc -include divertshim/freebsd.h ...
 *
 * they take the branch for FreeBSD. 12 is the last version with natd whose divert sockets are made
 * with IPPROTO_DIVERT. BSD has the value that <sys/param.h> defines there.
 */
#ifndef DIVERTSHIM_FREEBSD_H
#define DIVERTSHIM_FREEBSD_H

#include <osreldate.h>

#undef __linux__
#undef __linux
#undef linux
#undef __gnu_linux__
#define __FreeBSD__ 12
#define BSD         199506

#endif
