# SPDX-License-Identifier: GPL-2.0-or-later
"""spoof.py SOURCE DESTINATION: a hundred UDP packets a second until it is ended, by a source that
nobody here has.  The kernel routes them as it routes what it forwards."""

import ipaddress
import socket
import struct
import sys
import time

source, destination = map(ipaddress.ip_address, sys.argv[1:])
udp = struct.pack("!HHHH", 5001, 5001, 8, 0)
if source.version == 4:
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, socket.IPPROTO_UDP, 0)
    family, level, option = socket.AF_INET, socket.IPPROTO_IP, socket.IP_HDRINCL
else:
    header = struct.pack("!IHBB", 6 << 28, len(udp), socket.IPPROTO_UDP, 64)
    family, level, option = socket.AF_INET6, socket.IPPROTO_IPV6, 36  # IPV6_HDRINCL
packet = header + source.packed + destination.packed + udp
with socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
    raw.setsockopt(level, option, 1)
    while True:
        try:
            raw.sendto(packet, (str(destination), 0))
        except OSError:
            pass  # no route, or the packet was dropped on its way out
        time.sleep(0.01)
