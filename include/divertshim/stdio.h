/* divertshim: <stdio.h> with what BSD declares for every program, and others with _GNU_SOURCE. */
#pragma GCC system_header
#include_next <stdio.h>

#if !defined(DIVERTSHIM_STDIO_H) && (defined(__USE_MISC) || defined(_BSD_SOURCE))
#define DIVERTSHIM_STDIO_H
#ifndef _GNU_SOURCE
#include <stdarg.h>
#include <sys/cdefs.h>

__BEGIN_DECLS
extern int asprintf(char **__ptr, const char *__format, ...)
    __attribute__((__format__(__printf__, 2, 3)));
extern int vasprintf(char **__ptr, const char *__format, va_list __arguments)
    __attribute__((__format__(__printf__, 2, 0)));
__END_DECLS

#endif
#endif
