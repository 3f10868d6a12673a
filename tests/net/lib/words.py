#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A divert program for tests: the first word of a UDP payload says what to do with the packet.

    words.py [--fork] [--daemon] [--sleep] PORT...

pass      write it back as it is
rewrite   write it back with a digit after the word changed
drop      do nothing
out, in   write it back, and one more like it, with another word and another IP id
own, loop the same as in, but from the host's own address, or from 127.0.0.1
badsum    write it back with a wrong IP header checksum
refuse    write its first ten bytes

--fork    have a child hold the sockets as well
--daemon  as daemons do: leave the directory, close all other descriptors, give up root
--sleep   bind, and do nothing
"""
import os
import select
import socket
import struct
import sys
import time

EXTRA_ID = 0x7777


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def with_header(packet, ident):
    """The packet with that IP id, and no UDP checksum."""
    header = bytearray(packet[:20])
    header[4:6] = struct.pack("!H", ident)
    header[10:12] = b"\0\0"
    header[10:12] = struct.pack("!H", checksum(bytes(header)))
    return bytes(header) + packet[20:26] + b"\0\0" + packet[28:]


def treat(sock, packet, address):
    payload = packet[28:]
    word = payload.split()[0].decode()
    ident = struct.unpack("!H", packet[4:6])[0]
    if word in ("pass", "out", "in", "own", "loop"):
        sock.sendto(packet, address)
    if word == "rewrite":
        sock.sendto(with_header(packet[:28] + payload.replace(b" 0 ", b" 1 ", 1), ident), address)
    if word in ("out", "in", "own", "loop"):
        source = {"own": socket.inet_aton(address[0]), "loop": b"\x7f\0\0\1"}.get(word, packet[12:16])
        extra = packet[:12] + source + packet[16:28] + payload.replace(b" 0 ", b" 2 ", 1)
        extra = with_header(extra, (EXTRA_ID + ident) % 65535 + 1)
        sock.sendto(extra, ("0.0.0.0", 0) if word == "out" else address)
    if word == "badsum":
        sock.sendto(packet[:10] + bytes([packet[10] ^ 1]) + packet[11:], address)
    if word == "refuse":
        try:
            sock.sendto(packet[:10], address)
            sys.exit("a packet of 10 bytes was taken")
        except OSError:
            pass


def become_daemon(socks):
    if os.fork():
        os._exit(0)
    os.setsid()
    os.chdir("/")
    for fd in range(1024):
        if fd not in [s.fileno() for s in socks]:
            try:
                os.close(fd)
            except OSError:
                pass
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)


def have_a_child():
    """Stays as long as its parent."""
    read_end, write_end = os.pipe()
    if os.fork():
        return
    os.close(write_end)
    os.read(read_end, 1)
    os._exit(0)


def main():
    options = [a for a in sys.argv[1:] if a.startswith("--")]
    socks = []
    for port in [int(a) for a in sys.argv[1:] if not a.startswith("--")]:
        sock = socket.socket(socket.AF_INET, socket.SOCK_RAW, 258)
        sock.bind(("", port))
        socks.append(sock)
    if "--fork" in options:
        have_a_child()
    if "--daemon" in options:
        become_daemon(socks)
    if "--sleep" in options:
        time.sleep(600)
    while True:
        for sock in select.select(socks, [], [], 1)[0]:
            treat(sock, *sock.recvfrom(65535))


main()
