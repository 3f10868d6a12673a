/* divertshim: <string.h> with what BSD declares for every program, and others with _GNU_SOURCE. */
#pragma GCC system_header
#include_next <string.h>

#if !defined(DIVERTSHIM_STRING_H) && (defined(__USE_MISC) || defined(_BSD_SOURCE))
#define DIVERTSHIM_STRING_H
#ifndef _GNU_SOURCE
#include <sys/cdefs.h>

__BEGIN_DECLS
extern void *memmem(const void *__haystack, size_t __haystacklen, const void *__needle,
                    size_t __needlelen) __THROW;
extern void *memrchr(const void *__s, int __c, size_t __n) __THROW;
extern char *strcasestr(const char *__haystack, const char *__needle) __THROW;
extern char *strchrnul(const char *__s, int __c) __THROW;
__END_DECLS

#endif
#endif
