/*
 * divertshim: <sys/sockio.h> of BSD. The requests are those of <sys/ioctl.h>, with Linux's numbers.
 */
#ifndef DIVERTSHIM_SYS_SOCKIO_H
#define DIVERTSHIM_SYS_SOCKIO_H

#pragma GCC system_header
#include <sys/ioctl.h>

#endif
