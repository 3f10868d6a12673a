/*
 * divertshim: <bits/stat.h> of musl, in which __unused is a name and not what <sys/cdefs.h> makes
 * of it.
 *
 * Not for programs: they include <sys/stat.h>.
 */
#pragma GCC system_header
#include <sys/cdefs.h>
#pragma push_macro("__unused")
#undef __unused
#include_next <bits/stat.h>
#pragma pop_macro("__unused")
