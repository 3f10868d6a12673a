/* divertshim: <net/if_var.h> of BSD, of which programs use what <net/if.h> has. */
#ifndef DIVERTSHIM_NET_IF_VAR_H
#define DIVERTSHIM_NET_IF_VAR_H

#pragma GCC system_header
#include <net/if.h>

#endif
