# SPDX-License-Identifier: GPL-2.0-or-later
"""Who has which address in the small office with two cheap ISPs.

    lan --- eth1 \\            / eth2.5 --- isp-charter \\
                  >  router  <                            >  internet
    srv --- eth3 /            \\ eth2.4 --- isp-att     /

Public addresses are documentation ranges (RFC 5737, RFC 3849); inside are RFC 1918 and a ULA.
Every line has its link subnet, a block of public addresses routed to the router for servers that
stand outside NAT, and a delegated IPv6 prefix with a /64 of it on the LAN and another one for the
servers.  Nothing here acts: plain values, read by the topology, the configurations and the tests.
"""

import dataclasses
import ipaddress


@dataclasses.dataclass(frozen=True)
class Line:
    """One line of an Internet provider."""

    name: str
    interface: str  # the router's end
    preference: int  # lower is preferred
    link4: str  # subnet between gateway and router
    gateway4: str
    router4: str
    public4: str  # routed to the router, used by the servers
    link6: str
    gateway6: str
    router6: str
    delegated6: str
    transit4: str  # between the provider and the Internet: the first host is the provider
    transit6: str

    @property
    def lan6(self):
        """The line's /64 on the LAN."""
        return list(ipaddress.ip_network(self.delegated6).subnets(new_prefix=64))[0]

    @property
    def servers6(self):
        """The line's /64 of the servers outside NAT."""
        return list(ipaddress.ip_network(self.delegated6).subnets(new_prefix=64))[1]

    def link_length(self, family):
        return ipaddress.ip_network(self.link4 if family == 4 else self.link6).prefixlen

    def gateway(self, family):
        return self.gateway4 if family == 4 else self.gateway6

    def router(self, family):
        return self.router4 if family == 4 else self.router6

    def prefixes(self, family):
        """Every source the provider accepts from this customer."""
        if family == 4:
            return [self.link4, self.public4]
        return [self.link6, self.delegated6]

    def owns(self, address):
        """Whether an address (a string) belongs to this line."""
        value = ipaddress.ip_address(address)
        mapped = getattr(value, "ipv4_mapped", None)
        value = mapped or value
        return any(value in ipaddress.ip_network(p) for p in self.prefixes(value.version))

    def lan_host6(self):
        """The LAN host's address within this line's prefix."""
        return str(self.lan6[0x10])

    def server(self, family):
        """The public address of the server outside NAT, within this line's block."""
        return str(ipaddress.ip_network(self.public4)[2]) if family == 4 else str(self.servers6[2])


CHARTER = Line(
    name="charter",
    interface="eth2.5",
    preference=10,
    link4="192.0.2.48/29",
    gateway4="192.0.2.49",
    router4="192.0.2.50",
    public4="192.0.2.64/29",
    link6="2001:db8:100:ff::/64",
    gateway6="2001:db8:100:ff::1",
    router6="2001:db8:100:ff::2",
    delegated6="2001:db8:100:20::/59",
    transit4="198.51.100.240/30",
    transit6="2001:db8:fffe:1::/64",
)

ATT = Line(
    name="att",
    interface="eth2.4",
    preference=20,
    link4="203.0.113.56/29",
    gateway4="203.0.113.62",
    router4="203.0.113.57",
    public4="203.0.113.64/29",
    link6="2001:db8:200:ff::/64",
    gateway6="2001:db8:200:ff::1",
    router6="2001:db8:200:ff::2",
    delegated6="2001:db8:200:40::/59",
    transit4="198.51.100.244/30",
    transit6="2001:db8:fffe:2::/64",
)

LINES = (CHARTER, ATT)

LAN_INTERFACE = "eth1"
SERVERS_INTERFACE = "eth3"

LAN4 = "172.16.1.0/24"
LAN4_ROUTER = "172.16.1.1"
LAN4_HOST = "172.16.1.10"
LAN6 = "fd5a:1b2c:3d4e:1::/64"
LAN6_ROUTER = "fd5a:1b2c:3d4e:1::1"
LAN6_HOST = "fd5a:1b2c:3d4e:1::10"
# For NPTv6: the ULAs, and parts of what is delegated that the office does not use otherwise.
ULA6 = "fd5a:1b2c:3d4e::/61"
OUTSIDE6 = {"charter": "2001:db8:100:30::/61", "att": "2001:db8:200:50::/61"}

# A subnet behind the LAN host, known to the router's main table only: an internal destination that
# no packet may leave by a line for, whatever its source.
INNER4 = "10.10.0.0/16"
INNER4_HOST = "10.10.0.1"
INNER6 = "fd5a:1b2c:3d4e:10::/64"
INNER6_HOST = "fd5a:1b2c:3d4e:10::1"

INTERNET4 = "198.51.100.1"
INTERNET6 = "2001:db8:ffff::1"
TARGETS4 = ("198.51.100.9", "198.51.100.10", "198.51.100.11")
TARGETS6 = ("2001:db8:ffff::9", "2001:db8:ffff::a", "2001:db8:ffff::b")


def internet(family):
    return INTERNET4 if family == 4 else INTERNET6


def targets(family):
    return TARGETS4 if family == 4 else TARGETS6


def line_of(address):
    """The line an address belongs to, None if it is nobody's."""
    return next((line for line in LINES if line.owns(address)), None)
