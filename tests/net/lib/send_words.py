#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""send_words.py ADDRESS WORD COUNT [WORD COUNT]...: UDP to port 5002 with payloads of 100 bytes
that begin with the word: packets of 128 bytes."""
import socket
import sys

sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.bind(("", 4444))
for i in range(2, len(sys.argv), 2):
    for n in range(int(sys.argv[i + 1])):
        sock.sendto(f"{sys.argv[i]} 0 {n} ".ljust(100, ".").encode(), (sys.argv[1], 5002))
