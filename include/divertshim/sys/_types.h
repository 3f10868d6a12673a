/* divertshim: gcc's <stddef.h> includes this one when __FreeBSD__ is defined, and needs nothing. */
