/* divertshim: <machine/cpu.h> of FreeBSD, from which programs take nothing. */
#ifndef DIVERTSHIM_MACHINE_CPU_H
#define DIVERTSHIM_MACHINE_CPU_H
#endif
