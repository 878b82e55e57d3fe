# SPDX-License-Identifier: GPL-2.0-or-later
"""A session as PPP makes one: an interface with a peer, at the customer and at the provider.

What pppd does to the kernel is done here to the two ends of a wire between TUN devices, on kernels
without PPP too (topotests/kernel_ppp has the real one): an interface comes, gets addresses with a
peer, goes up, and is gone with the session.  Unlike pppd the provider is ready first, so that what
it sees without a way back bears a wrong source.  Central: Session.
"""

import dataclasses
import fcntl
import os
import select
import struct
import threading

from .netns import in_namespace, now_ns

_TUNSETIFF = 0x400454CA
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000


@dataclasses.dataclass(frozen=True)
class Ends:
    """The addresses of a session."""

    mine: dict  # {family: address}, by IPv6 link-local ones
    peers: dict
    prefix: str  # which the provider routes into it


class Session:
    """Between `provider` and `customer`, which are namespaces, while it is open."""

    def __init__(self, provider, customer, ends, interface="ppp0", options=()):
        self.ends, self.interface = ends, interface
        self._wires = [
            in_namespace(side.name, lambda: _open_tun(interface)) for side in (provider, customer)
        ]
        self._is_open = True
        self._stop, stopped = os.pipe()
        self._relay = threading.Thread(target=_relay, args=(*self._wires, stopped))
        self._relay.start()
        _set_up(provider, interface, ends.peers, ends.mine)
        provider.ip(*f"-6 route add {ends.prefix} dev {interface} metric 1".split())
        _set_up(customer, interface, ends.mine, ends.peers)
        self.known = now_ns()  # later than the kernel knew the addresses: they came before `up`
        for option in options:
            customer.ip(*option.split())

    def close(self):
        """Once is enough."""
        if self._is_open:
            self._is_open = False
            os.close(self._stop)
            self._relay.join()


def _open_tun(name):
    wire = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    fcntl.ioctl(wire, _TUNSETIFF, struct.pack("16sH", name.encode(), _IFF_TUN | _IFF_NO_PI))
    return wire


def _set_up(side, interface, mine, peers):
    addresses = [f"addr add {mine[f]} peer {peers[f]} dev {interface}" for f in (4, 6)]
    side.batch([f"link set {interface} addrgenmode none", *addresses, f"link set {interface} up"])


def _relay(left, right, stopped):
    """What one end sends the other one gets; packets on the way are lost when the session ends."""
    others = {left: right, right: left}
    try:
        while stopped not in (ready := select.select([left, right, stopped], [], [])[0]):
            for wire in ready:
                try:
                    os.write(others[wire], os.read(wire, 65536))
                except OSError:
                    pass  # the other end is down
    finally:
        for fd in (left, right, stopped):
            os.close(fd)
