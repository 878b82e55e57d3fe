# SPDX-License-Identifier: GPL-2.0-or-later
"""Flows of which this router has seen an answer first: their questions went by another one.

When such a flow moves here the kernel translates it no more.  The guard drops its packets, and it
is forgotten, so that it begins anew.
"""

import ipaddress
import json
import socket
import struct

import pytest

from . import plan, wait_for
from .kernel import Kernel
from .netns import in_namespace
from .trial import running_office, translate_prefixes

HOST = {4: plan.LAN4_HOST, 6: plan.LAN6_HOST}
SOCKET = {4: socket.AF_INET, 6: socket.AF_INET6}
HOSTS_PORT, PORT = "6000", "7100"


@pytest.fixture(scope="module")
def office(lab):
    with running_office(lab) as driver:
        translate_prefixes(driver)
        yield driver


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def udp(family, source, source_port, destination, port):
    """An IP packet with two bytes of data."""
    ends = b"".join(ipaddress.ip_address(each).packed for each in (source, destination))
    length = 10
    text = struct.pack("!HHHH2s", int(source_port), int(port), length, 0, b"hi")
    pseudo = ends + struct.pack("!I3xB", length, socket.IPPROTO_UDP)
    text = text[:6] + struct.pack("!H", checksum(pseudo + text)) + text[8:]
    if family == 6:
        return struct.pack("!IHBB", 6 << 28, length, socket.IPPROTO_UDP, 64) + ends + text
    head = struct.pack("!BxHHHBBH", 0x45, 20 + length, 0, 0, 64, socket.IPPROTO_UDP, 0) + ends
    return head[:10] + struct.pack("!H", checksum(head)) + head[12:] + text


def another_router_brings(lab, packet, family):
    """To the office's router, for the LAN."""
    link = json.loads(lab.router.ip("-j", "link", "show", plan.LAN_INTERFACE))[0]
    frame = bytes.fromhex(link["address"].replace(":", "")) + bytes(6)
    frame += struct.pack("!H", {4: 0x0800, 6: 0x86DD}[family]) + packet

    def send():
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as raw:
            raw.bind(("eth0", 0))
            raw.send(frame)

    in_namespace(lab["lan"].name, send)


def tracked(lab, family):
    """The flows of HOSTS_PORT, as (source, destination) of the packet that began each."""
    began = [flow["original"] for flow in Kernel(lab.router).conntrack(family)]
    ports = [{each.get("sport"), each.get("dport")} for each in began]
    return [(each["src"], each["dst"]) for each, own in zip(began, ports) if HOSTS_PORT in own]


@pytest.fixture
def sock(lab, office, request):
    family = request.getfixturevalue("family")
    sock = in_namespace(lab["lan"].name, lambda: socket.socket(SOCKET[family], socket.SOCK_DGRAM))
    sock.bind((HOST[family], int(HOSTS_PORT)))
    sock.settimeout(0.1)
    yield sock
    sock.close()


@pytest.mark.parametrize("family", [4, 6])
def test_it_begins_anew_when_it_comes_here(lab, office, family, sock):
    lab.reset_counters()
    server = plan.internet(family)
    reflector = in_namespace(
        lab["internet"].name, lambda: socket.socket(SOCKET[family], socket.SOCK_DGRAM)
    )
    reflector.bind((server, int(PORT)))
    reflector.settimeout(0.1)
    answer = udp(family, server, PORT, HOST[family], HOSTS_PORT)
    another_router_brings(lab, answer, family)
    wait_for(lambda: tracked(lab, family) == [(server, HOST[family])], what="the answer is tracked")
    assert sock.recv(9) == b"hi"

    def is_heard():
        sock.sendto(b"hello", (server, int(PORT)))
        _, (source, *_) = reflector.recvfrom(9)
        return source

    source = wait_for(is_heard, what="the server hears it")
    assert source != HOST[family]
    assert tracked(lab, family) == [(HOST[family], server)]
    reflector.close()
    assert lab.spoofed() == {}
