/* divertshim: <machine/cpufunc.h> of FreeBSD, from which programs take nothing. */
#ifndef DIVERTSHIM_MACHINE_CPUFUNC_H
#define DIVERTSHIM_MACHINE_CPUFUNC_H
#endif
