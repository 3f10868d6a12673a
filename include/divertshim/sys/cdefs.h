/*
 * divertshim: <sys/cdefs.h> with what BSD has and both glibc and libbsd lack (whose header is the
 * next one, with the flags of divertshim.pc).
 */
#pragma GCC system_header
#if __has_include_next(<sys/cdefs.h>)
#include_next <sys/cdefs.h>
#endif

#ifndef DIVERTSHIM_SYS_CDEFS_H
#define DIVERTSHIM_SYS_CDEFS_H

/* musl has no such header. */
#ifndef __BEGIN_DECLS
#ifdef __cplusplus
#define __BEGIN_DECLS extern "C" {
#define __END_DECLS   }
#else
#define __BEGIN_DECLS
#define __END_DECLS
#endif
#endif
#ifndef __THROW
#define __THROW
#endif

/* A member's name in headers of the kernel and of musl; see <asm/stat.h> beside this one. */
#ifndef __unused
#define __unused __attribute__((__unused__))
#endif
#ifndef __scanflike
#define __scanflike(format, first) __attribute__((__format__(__scanf__, format, first)))
#endif
#ifndef __predict_true
#define __predict_true(condition)  __builtin_expect((condition), 1)
#define __predict_false(condition) __builtin_expect((condition), 0)
#endif
#ifndef __noinline
#define __noinline __attribute__((__noinline__))
#endif
#ifndef __weak_reference
#define __weak_reference(symbol, alias) \
    extern __typeof(symbol) alias __attribute__((__weak__, __alias__(#symbol)))
#endif

/* What libbsd defines, for programs compiled with -isystem only. */
#ifndef __FBSDID
#define __FBSDID(text) struct __divertshim_nothing
#endif
#ifndef __RCSID
#define __RCSID(text) struct __divertshim_nothing
#endif
#ifndef __dead2
#define __dead2 __attribute__((__noreturn__))
#endif
#ifndef __packed
#define __packed __attribute__((__packed__))
#endif
#ifndef __printflike
#define __printflike(format, first) __attribute__((__format__(__printf__, format, first)))
#endif

#endif
