/* divertshim: <getopt.h> of libbsd or of glibc, with the getopt() of BSD, see <unistd.h>. */
#pragma GCC system_header
#include_next <getopt.h>
#include <unistd.h>

#if defined(DIVERTSHIM_UNISTD_H) && defined(__GLIBC__)
#undef getopt
#define getopt(argc, argv, options) __divertshim_getopt(argc, argv, options)
#endif
