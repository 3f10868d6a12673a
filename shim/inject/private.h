/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the parts of injection share. Functions that return a descriptor return -errno on failure.
 */
#ifndef DIVERTSHIM_INJECT_PRIVATE_H
#define DIVERTSHIM_INJECT_PRIVATE_H

#include <stddef.h>
#include <stdint.h>

#define MTU_MIN 68 /* RFC 791 */

/* The TAP device through which incoming packets are injected. */
struct tap {
    int fd; /* frames written here arrive on the device */
    uint32_t index;
    uint8_t mac[6];
    char name[16];
};

/*
 * For packets to the host from its own address, or from 127/8: Linux takes these for martians
 * unless they come by way of lo's output.
 */
#define TAP_ROUTE_LOOP 0x80000000u

/*
 * What the frame's source MAC address carries: where the packet is to arrive, and with which tag.
 * Network byte order.
 */
struct tap_route {
    uint32_t index; /* interface; with TAP_ROUTE_LOOP for what lo alone may deliver */
    uint16_t tag;
} __attribute__((packed));

/*
 * Loads a BPF program that reads a struct tap_route from each frame, sets the mark to the tag
 * shifted left by mark_shift, and redirects the frame to that interface. A packet larger than the
 * interface's MTU is redirected all the same (from Linux 5.12 on; dropped before that). Returns its
 * descriptor or -errno.
 */
int redirect_load(unsigned mark_shift);

/*
 * Attach the program to the device's ingress: by TCX (Linux 6.6), which returns a descriptor that
 * keeps it attached; or by clsact and cls_bpf, which last as long as the device and return 0.
 * -errno on failure.
 */
int redirect_attach_tcx(int program, uint32_t index);
int redirect_attach_clsact(int program, uint32_t index);

/* The MTU of the host's route for a packet, in bytes; 0 without a route. */
size_t inject_route_mtu(const void *packet);

/* Opens the sockets in advance; failures are not reported. */
void inject_out_prepare(void);

void inject_out_close(void);
void inject_in_close(void);

#endif
