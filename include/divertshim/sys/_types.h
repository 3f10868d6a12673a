/* divertshim: empty; gcc's <stddef.h> includes it when __FreeBSD__ is defined. */
