# SPDX-License-Identifier: BSD-2-Clause
"""asyncio: python3 loop_asyncio.py PORT PACKETS"""
import asyncio
import socket
import sys

port, left = int(sys.argv[1]), int(sys.argv[2])
divert = socket.socket(socket.AF_INET, socket.SOCK_RAW, 258)
divert.bind(("0.0.0.0", port))
divert.setblocking(False)


async def main():
    """Passes packets on when the loop reports some."""
    loop = asyncio.get_running_loop()
    done = loop.create_future()

    def ready():
        global left
        packet, address = divert.recvfrom(65536)
        divert.sendto(packet, address)
        left -= 1
        if left == 0:
            done.set_result(None)

    loop.add_reader(divert, ready)
    await done
    loop.remove_reader(divert)


asyncio.run(main())
