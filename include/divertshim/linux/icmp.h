/*
 * divertshim: <linux/icmp.h>, in which __unused is a name and not what <sys/cdefs.h> makes of it.
 */
#pragma GCC system_header
#include <sys/cdefs.h>
#pragma push_macro("__unused")
#undef __unused
#include_next <linux/icmp.h>
#pragma pop_macro("__unused")
