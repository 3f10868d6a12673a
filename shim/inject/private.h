/* SPDX-License-Identifier: BSD-2-Clause */
/* What the parts of injection share. Descriptors are returned as such, failures as -errno. */
#ifndef DIVERTSHIM_INJECT_PRIVATE_H
#define DIVERTSHIM_INJECT_PRIVATE_H

#include <stddef.h>
#include <stdint.h>

#define MTU_MIN 68 /* RFC 791 */

/* The name, index and address of a TAP device of ours. */
struct tap {
    int fd; /* frames written here arrive on the device */
    uint32_t index;
    uint8_t mac[6];
    char name[16];
};

/*
 * To the host from an address of its own, or from 127/8: Linux takes that for forged unless it came
 * by way of lo's output.
 */
#define TAP_ROUTE_LOOP 0x80000000u

/*
 * The frame's source address tells the program on the device where the packet is to arrive, and
 * with which tag. Network byte order.
 */
struct tap_route {
    uint32_t index; /* interface; with TAP_ROUTE_LOOP for what lo alone may deliver */
    uint16_t tag;
} __attribute__((packed));

/*
 * Loads a program that reads a struct tap_route from each frame, sets the mark to the tag shifted
 * left by mark_shift, and lets the frame arrive on that interface. Larger than its MTU it arrives
 * as it is (Linux 5.12; dropped before that).
 */
int redirect_load(unsigned mark_shift);

/*
 * Hangs the program on the device's ingress: by TCX (Linux 6.6), which lives as long as the
 * descriptor returned, or by clsact and cls_bpf, which live as long as the device; 0 then.
 */
int redirect_attach_tcx(int program, uint32_t index);
int redirect_attach_clsact(int program, uint32_t index);

/* The MTU of the route that the host has for a packet; 0 if there is none. */
size_t inject_route_mtu(const void *packet);

/* Opens what will be needed; says nothing if that fails. */
void inject_out_prepare(void);

void inject_out_close(void);
void inject_in_close(void);

#endif
