#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""pcap.py FILE [PROGRAMS]: prints the packets in it, a line each: their length and the first three words
of their UDP payload. Nothing else may be in the file. Times may go back only with several programs."""
import struct
import sys

data = open(sys.argv[1], "rb").read()
head = struct.unpack("=IHHIIII", data[:24])
if head != (0xA1B23C4D, 2, 4, 0, 0, 65535, 101):
    sys.exit(f"not the head of a file of IP packets: {head}")
at, last = 24, 0
while at < len(data):
    if len(data) < at + 16:
        sys.exit("a record is cut short")
    seconds, nanoseconds, kept, length = struct.unpack("=IIII", data[at : at + 16])
    packet = data[at + 16 : at + 16 + kept]
    if len(packet) != kept or kept > length or nanoseconds >= 10**9:
        sys.exit("a record is cut short")
    if seconds + nanoseconds / 1e9 < last and sys.argv[2:] in ([], ["1"]):
        sys.exit("times go back")
    if struct.unpack("!H", packet[2:4])[0] != length:
        sys.exit("a packet has another length")
    last = seconds + nanoseconds / 1e9
    words = packet[28:].decode().split()[:3] if packet[9] == 17 else []
    print(length, *words)
    at += 16 + kept
