/* divertshim: <osreldate.h>, the version of FreeBSD. */
#ifndef DIVERTSHIM_OSRELDATE_H
#define DIVERTSHIM_OSRELDATE_H

#define __FreeBSD_version 1200000

#endif
