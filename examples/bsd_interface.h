/*
 * An interface as natd and tcpmssd look at it: by the sysctl of the interface
 * list, and by a routing socket that tells when to look again.
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

/* Fills *found with what the kernel says of the interface. Ends the program if it cannot ask. */
void interface_look_up(const char *name, struct bsd_interface *found);

/* A routing socket. Ends the program if it cannot have one. */
int interface_open_news(void);

/* Reads a message from the routing socket. 1 if it is about that interface, 0 if not. */
int interface_news(int fd, int index);

/* A divert port from its number or its name among the services, in network byte order. */
u_short interface_divert_port(const char *text);

/* A socket on that divert port. Ends the program if it cannot have one. */
int interface_open_divert(u_short port);

#endif
