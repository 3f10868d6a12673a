/*
 * divertshim: <linux/rtnetlink.h>, which shares names with BSD's <net/route.h>. Where both are
 * included, in either order, those names have their BSD meaning.
 */
#pragma GCC system_header

#ifdef DIVERTSHIM_NET_ROUTE_H
#pragma push_macro("RTA_DST")
#pragma push_macro("RTA_GATEWAY")
#pragma push_macro("RTAX_MAX")
#pragma push_macro("RTM_NEWADDR")
#pragma push_macro("RTM_DELADDR")
#undef RTA_DST
#undef RTA_GATEWAY
#undef RTAX_MAX
#undef RTM_NEWADDR
#undef RTM_DELADDR
#endif

#include_next <linux/rtnetlink.h>

#ifdef DIVERTSHIM_NET_ROUTE_H
#pragma pop_macro("RTA_DST")
#pragma pop_macro("RTA_GATEWAY")
#pragma pop_macro("RTAX_MAX")
#pragma pop_macro("RTM_NEWADDR")
#pragma pop_macro("RTM_DELADDR")
#endif
