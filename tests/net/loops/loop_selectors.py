# SPDX-License-Identifier: BSD-2-Clause
"""selectors: python3 loop_selectors.py PORT PACKETS EpollSelector|PollSelector|SelectSelector"""
import selectors
import socket
import sys

port, left = int(sys.argv[1]), int(sys.argv[2])
selector = getattr(selectors, sys.argv[3])()
divert = socket.socket(socket.AF_INET, socket.SOCK_RAW, 258)
divert.bind(("0.0.0.0", port))
divert.setblocking(False)
selector.register(divert, selectors.EVENT_READ)
while left:
    for key, events in selector.select():
        packet, address = key.fileobj.recvfrom(65536)
        key.fileobj.sendto(packet, address)
        left -= 1
