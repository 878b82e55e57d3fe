# SPDX-License-Identifier: GPL-2.0-or-later
"""advertise.py INTERFACE PREFIX LIFETIME: one router advertisement (RFC 4861), whose prefix is for
addresses (A) and not on the link (L).  Runs in a provider."""

import ipaddress
import socket
import struct
import sys

interface, prefix, lifetime = sys.argv[1:]
network = ipaddress.ip_network(prefix)
advertisement = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, int(lifetime), 0, 0)
advertisement += struct.pack("!BBBBIII", 3, 4, network.prefixlen, 0x40, 3600, 1800, 0)
advertisement += network.network_address.packed
with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as raw:
    raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
    raw.sendto(advertisement, ("ff02::1", 0, 0, socket.if_nametoindex(interface)))
