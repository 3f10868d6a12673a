/*
 * divertshim: <asm/stat.h>, which uses __unused as a member's name: not with the macro of
 * <sys/cdefs.h>.
 */
#pragma GCC system_header
#include <sys/cdefs.h>
#pragma push_macro("__unused")
#undef __unused
#include_next <asm/stat.h>
#pragma pop_macro("__unused")
