/*
 * divertshim: <unistd.h> with what BSD declares there for every program, and others elsewhere or
 * only with _GNU_SOURCE.
 */
#pragma GCC system_header
#include_next <unistd.h>

#if !defined(DIVERTSHIM_UNISTD_H) && \
    (defined(__USE_MISC) || defined(_BSD_SOURCE) || defined(_GNU_SOURCE))
#define DIVERTSHIM_UNISTD_H
#include <sys/cdefs.h>

__BEGIN_DECLS
extern int setgroups(size_t __n, const gid_t *__groups) __THROW;
extern int initgroups(const char *__user, gid_t __group);
extern int getgrouplist(const char *__user, gid_t __group, gid_t *__groups, int *__ngroups);
#ifndef _GNU_SOURCE
extern int getresuid(uid_t *__ruid, uid_t *__euid, uid_t *__suid) __THROW;
extern int getresgid(gid_t *__rgid, gid_t *__egid, gid_t *__sgid) __THROW;
extern int setresuid(uid_t __ruid, uid_t __euid, uid_t __suid) __THROW;
extern int setresgid(gid_t __rgid, gid_t __egid, gid_t __sgid) __THROW;
extern int pipe2(int __pipedes[2], int __flags) __THROW;
#endif
__END_DECLS

#ifdef __GLIBC__ /* musl's getopt() is as BSD's */
/* BSD's getopt(3) stops at the first argument that is no option; glibc's goes on after it. */
static __inline int __divertshim_getopt(int __argc, char *const __argv[], const char *__options)
{
    char __stopping[256] = "+";

    __builtin_strncat(__stopping, __options, sizeof(__stopping) - 2);
#ifdef LIBBSD_OVERLAY
    return bsd_getopt(__argc, __argv, __stopping);
#else
    return (getopt)(__argc, __argv, __stopping);
#endif
}
#undef getopt
#define getopt(argc, argv, options) __divertshim_getopt(argc, argv, options)
#endif

#endif
