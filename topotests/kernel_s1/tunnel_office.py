# SPDX-License-Identifier: GPL-2.0-or-later
"""The small office whose providers offer IPv6 by 6rd and 6to4 only (scenario S1).

    lan --- r1-eth0   r1-eth1 === port === charter --- inet     VLAN 5: 192.0.2.48/29
                   r1                 `=== att ------- inet     VLAN 4: 203.0.113.56/29

Both lines are VLANs of one port.  Each provider's router is its border relay too: it has the tunnel
over which the IPv6 packets of its customers come and go.  It drops and counts what comes from the
customer with another IPv4 source, or holds an IPv6 source that does not belong to the IPv4 one.
"""

import dataclasses
import os

import multihome
import tunnels

CWD = os.path.dirname(os.path.realpath(__file__))
INTERNET4, INTERNET6 = "198.51.100.9", "2001:db8:ffff::9"
LAN_HOST, LAN_ROUTER = "172.16.1.10", "172.16.1.1"
ANYCAST_RELAY = "192.88.99.1"


@dataclasses.dataclass(frozen=True)
class Provider:
    """One line's provider; `own` are the customer's IPv4 addresses with what each means in IPv6."""

    name: str
    vlan: int
    network: str
    gateway: str
    relay: str
    domain: str  # 6rd prefix
    shared: str  # what the IPv4 addresses of all customers have in common
    own: dict  # {IPv4 address: (6rd prefix, 6to4 prefix)}
    number: int  # of the link to the Internet

    @property
    def port(self):
        return f"{self.name}-port"

    @property
    def far(self):
        return f"{self.name}-far"

    def prefix(self, address, six_to_four=False):
        return self.own[address][1 if six_to_four else 0]

    def host(self, address, six_to_four=False):
        """The LAN host's address of the first subnet."""
        return self.prefix(address, six_to_four).replace("::", ":1::10")


CHARTER = Provider(
    name="charter",
    vlan=5,
    network="192.0.2.48/29",
    gateway="192.0.2.49",
    relay="198.51.100.65",
    domain="2001:db8:100::/40",
    shared="192.0.2.0/24",
    own={
        "192.0.2.50": ("2001:db8:132::", "2002:c000:232::"),
        "192.0.2.51": ("2001:db8:133::", "2002:c000:233::"),
    },
    number=1,
)
ATT = Provider(
    name="att",
    vlan=4,
    network="203.0.113.56/29",
    gateway="203.0.113.62",
    relay="198.51.100.66",
    domain="2001:db8:200::/40",
    shared="203.0.113.0/24",
    own={"203.0.113.57": ("2001:db8:239::", "2002:cb00:7139::")},
    number=2,
)
PROVIDERS = (CHARTER, ATT)


def build_topo(tgen):
    r1 = multihome.add_router(tgen, "r1")
    tgen.add_link(r1, multihome.add_bare_host(tgen, "lan"), "r1-eth0", "lan-eth0")
    port = tgen.add_switch("port")
    port.add_link(r1, nodeif="r1-eth1")
    inet = multihome.add_bare_host(tgen, "inet")
    for provider in PROVIDERS:
        host = multihome.add_bare_host(tgen, provider.name)
        port.add_link(host, nodeif=provider.port)
        tgen.add_link(host, inet, provider.far, provider.name)


def add_vlan(gear, interface, vlan):
    tunnels.sh(
        gear,
        f"""ip link add link {interface} name {interface}.{vlan} type vlan id {vlan}
        ip link set {interface}.{vlan} up""",
    )


def prepare_provider(tgen, provider):
    host = tgen.gears[provider.name]
    inside = f"{provider.port}.{provider.vlan}"
    add_vlan(host, provider.port, provider.vlan)
    tunnels.sh(
        host,
        f"""ip addr add {provider.gateway}/29 dev {inside}
        ip addr add {provider.relay}/32 dev lo
        ip addr add {ANYCAST_RELAY}/32 dev lo
        ip addr add 198.51.100.{128 + 4 * provider.number + 1}/30 dev {provider.far}
        ip addr add 2001:db8:f{provider.number}::1/64 dev {provider.far} nodad
        ip route add default via 198.51.100.{128 + 4 * provider.number + 2}
        ip route add default via 2001:db8:f{provider.number}::2
        ip tunnel add relay mode sit local {provider.relay} ttl 64
        ip tunnel 6rd dev relay 6rd-prefix {provider.domain} 6rd-relay_prefix {provider.shared}
        ip link set relay up
        ip route add {provider.domain} dev relay
        ip tunnel add relay6to4 mode sit local {ANYCAST_RELAY} ttl 64
        ip link set relay6to4 up""",
    )
    for _, six_to_four in provider.own.values():
        tunnels.sh(host, f"ip route add {six_to_four}/48 dev relay6to4")
    count_sources(host, provider)


def leading_bits(prefix):
    """The first 48 bits of 2001:db8:132:: as a number in nft's words."""
    words = [int(word, 16) for word in prefix.rstrip(":").split(":")]
    return "0x" + "".join(f"{word:04x}" for word in words)


def count_sources(host, provider):
    """The IPv6 source is 8 bytes behind the IPv4 header, which @th begins after."""
    customers = ", ".join(provider.own)
    tunnelled = f'iifname "{provider.port}.{provider.vlan}" ip protocol 41'
    good = [
        f"ip saddr {address} @th,64,48 {leading_bits(prefix)}"
        for address, prefixes in provider.own.items()
        for prefix in prefixes
    ]
    rules = "\n".join(f"{tunnelled} {each} counter name carried accept" for each in good)
    tunnels.load_nft(
        host,
        f"""table inet provider {{
            counter carried {{ }}
            counter wrong_outer {{ }}
            counter wrong_inner {{ }}
            counter wrong_native {{ }}
            chain in {{
                type filter hook prerouting priority raw;
                iifname != "{provider.port}.{provider.vlan}" accept
                ip saddr != {{ {customers} }} counter name wrong_outer drop
                ip6 saddr != {{ fe80::/10, ::/128 }} counter name wrong_native drop
                {rules}
                ip protocol 41 counter name wrong_inner drop
            }}
        }}""",
    )


def prepare_inet(tgen):
    inet = tgen.gears["inet"]
    tunnels.sh(
        inet,
        f"""ip addr add {INTERNET4}/32 dev lo
        ip addr add {INTERNET6}/128 dev lo""",
    )
    for provider in PROVIDERS:
        far4 = f"198.51.100.{128 + 4 * provider.number + 1}"
        far6 = f"2001:db8:f{provider.number}::1"
        tunnels.sh(
            inet,
            f"""ip addr add 198.51.100.{128 + 4 * provider.number + 2}/30 dev {provider.name}
            ip addr add 2001:db8:f{provider.number}::2/64 dev {provider.name} nodad
            ip route add {provider.network} via {far4}
            ip route add {provider.domain} via {far6}""",
        )
        for _, six_to_four in provider.own.values():
            tunnels.sh(inet, f"ip route add {six_to_four}/48 via {far6}")


def prepare_lan(tgen):
    tunnels.sh(
        tgen.gears["lan"],
        f"""ip addr add {LAN_HOST}/24 dev lan-eth0
        ip addr add fd5a::10/64 dev lan-eth0 nodad
        ip route add default via {LAN_ROUTER}
        ip route add default via fd5a::1""",
    )


def give_lan(tgen, prefix):
    """The first subnet of a delegated prefix, on router and host."""
    net = prefix.replace("::", ":1::")
    tunnels.sh(tgen.gears["r1"], f"ip addr replace {net}1/64 dev r1-eth0 nodad")
    tunnels.sh(tgen.gears["lan"], f"ip addr replace {net}10/64 dev lan-eth0 nodad")
