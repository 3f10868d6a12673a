/*
 * divertshim: <linux/sysctl.h>, which uses __unused as a member's name, not with the macro of
 * <sys/cdefs.h>, and shares other names with <sys/sysctl.h>. Where both are included, in either
 * order, those have their BSD meaning.
 */
#pragma GCC system_header
#include <stddef.h>
#include <sys/cdefs.h>
#pragma push_macro("__unused")
#undef __unused

#ifdef DIVERTSHIM_SYS_SYSCTL_H
#pragma push_macro("CTL_KERN")
#pragma push_macro("CTL_VM")
#pragma push_macro("CTL_NET")
#pragma push_macro("KERN_OSTYPE")
#pragma push_macro("KERN_OSRELEASE")
#pragma push_macro("KERN_VERSION")
#undef CTL_KERN
#undef CTL_VM
#undef CTL_NET
#undef KERN_OSTYPE
#undef KERN_OSRELEASE
#undef KERN_VERSION
#endif

#include_next <linux/sysctl.h>

#ifdef DIVERTSHIM_SYS_SYSCTL_H
#pragma pop_macro("CTL_KERN")
#pragma pop_macro("CTL_VM")
#pragma pop_macro("CTL_NET")
#pragma pop_macro("KERN_OSTYPE")
#pragma pop_macro("KERN_OSRELEASE")
#pragma pop_macro("KERN_VERSION")
#endif
#pragma pop_macro("__unused")
