/*
 * Looking up an interface as natd and tcpmssd do: by the sysctl of the
 * interface list, and a routing socket that tells when to look again.
 */
#ifndef BSD_INTERFACE_H
#define BSD_INTERFACE_H

#include <sys/types.h>
#include <netinet/in.h>

struct bsd_interface {
    int index;              /* 0 if there is no such interface */
    int mtu;                /* bytes */
    struct in_addr address; /* the first one, INADDR_ANY if there is none */
    struct in_addr netmask;
};

/* Looks an interface up. Ends the program on an error. */
void interface_look_up(const char *name, struct bsd_interface *found);

/* Opens a routing socket. Ends the program on an error. */
int interface_open_news(void);

/* Reads a message from the routing socket. 1 if it is about that interface, 0 if not. */
int interface_news(int fd, int index);

/* A divert port by its number or its service name, in network byte order. */
u_short interface_divert_port(const char *text);

/*
 * Opens a divert socket on that port (network byte order). Ends the program on
 * an error.
 */
int interface_open_divert(u_short port);

#endif
