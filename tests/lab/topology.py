# SPDX-License-Identifier: GPL-2.0-or-later
"""The lab itself: six namespaces, their links, the providers' filters and the faults.

Every link that can break ends, at the provider, in a port of a bridge that holds the provider's
addresses.  Lowering the port takes the router's carrier away; disabling the port keeps the carrier
and passes nothing; both leave the provider's own addresses and routes alone, so a heal is one
message as well.  A second port, always up, keeps the bridge's own carrier, which would otherwise
return only with the kernel's once-a-second link watch.  The two ends of each veth have different
interface indexes for the same reason.  Central: Lab.create(), Lab.break_line().
"""

import dataclasses
import ipaddress
import json
import os
import time

from . import plan
from .ledger import Ledger
from .netns import PORT_DISABLED, PORT_FORWARDING, Namespace, Rtnl
from .stage import own_table_names

CABLE = "cable pulled"
SILENT = "gateway silent"
BLACKHOLE = "blackhole beyond the gateway"
FAULTS = (CABLE, SILENT, BLACKHOLE)

_PROVIDER_FILTER = """
table inet provider {{
    counter wrong4 {{ }}
    counter wrong6 {{ }}
    counter private4 {{ }}
    counter private6 {{ }}
    counter good4 {{ }}
    counter good6 {{ }}
    set offenders4 {{
        type ipv4_addr . ipv4_addr . inet_proto; size 4096; flags dynamic; counter
    }}
    set offenders6 {{
        type ipv6_addr . ipv6_addr . inet_proto; size 4096; flags dynamic; counter
    }}
    chain spoofed {{
        ip saddr {{ 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 }} counter name private4 drop
        ip6 saddr fc00::/7 counter name private6 drop
        meta nfproto ipv4 counter name wrong4 drop
        meta nfproto ipv6 counter name wrong6 drop
    }}
    chain customer {{
        type filter hook prerouting priority raw; policy accept;
        iifname != "cust" accept
        ip saddr 0.0.0.0 accept
        ip6 saddr {{ ::, fe80::/10 }} accept
        icmpv6 type {{ nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit }} accept
        ip saddr {{ {allowed4} }} counter name good4 accept
        ip6 saddr {{ {allowed6} }} counter name good6 accept
        meta nfproto ipv4 add @offenders4 {{ ip saddr . ip daddr . meta l4proto }}
        meta nfproto ipv6 add @offenders6 {{ ip6 saddr . ip6 daddr . meta l4proto }}
        jump spoofed
    }}
    chain loss {{
    }}
    chain beyond {{
        type filter hook forward priority filter; policy accept;
        jump loss
    }}
}}
"""


@dataclasses.dataclass(frozen=True)
class Moment:
    """When something was done to a line: the kernel acted between `before` and `at` (ns)."""

    line: str
    what: str
    before: int
    at: int


@dataclasses.dataclass
class _Port:
    """A veth end that is a port of a bridge, with the socket that commands it."""

    index: int
    rtnl: Rtnl


class Lab:
    """The small office in namespaces.  Use as a context manager, or close() it."""

    ROLES = ("lan", "srv", "router")  # what stands on the customer's side

    def __init__(self, ledger):
        self.ledger = ledger
        self.name = ledger.name
        self.lines = plan.LINES
        self.log_directory = ledger.directory / "log"
        self.moments = []
        self._faults = {}
        self._ports = {}
        self._next_index = 100
        self._mac = 0
        roles = [*self.ROLES, "internet", *(f"isp-{line.name}" for line in self.lines)]
        self._namespaces = {role: Namespace(f"mh{self.name}-{role}") for role in roles}

    @classmethod
    def create(cls, name=None):
        """Build a lab, first removing what a dead run of that name left behind."""
        lab = cls(Ledger.claim(name or str(os.getpid())))
        try:
            lab._build()
        except BaseException:
            lab.close()
            raise
        return lab

    @classmethod
    def attach(cls, name):
        """A handle on a kept lab, to break and heal its lines; it must not be closed."""
        lab = cls(Ledger(name))
        for line in lab.lines:
            lab._open_ports(line)
        return lab

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if not self.ledger.is_kept():
            self.close()

    def close(self):
        """End every process by pid and remove everything the lab made."""
        self._close_ports()
        self.ledger.remove_all()
        self.ledger.release()

    def keep(self):
        """Leave everything running; `python3 -m lab clean` or the next run of that name ends it."""
        self._close_ports()
        self.ledger.keep()
        self.ledger.release()

    def _close_ports(self):
        for port in self._ports.values():
            port.rtnl.close()
        self._ports.clear()

    def __getitem__(self, role):
        return self._namespaces[role]

    @property
    def router(self):
        return self._namespaces["router"]

    def provider(self, line):
        return self._namespaces[f"isp-{_name(line)}"]

    def customer(self, line):
        """The router at which a line ends."""
        del line
        return self.router

    def line(self, name):
        return next(line for line in self.lines if line.name == _name(name))

    # -- faults ---------------------------------------------------------------------------------

    def break_line(self, line, fault):
        """Let one fault begin.  Faults of one line may overlap."""
        before, after = self._command(_name(line), fault, is_broken=True)
        self._faults.setdefault(_name(line), set()).add(fault)
        return self._note(line, fault, before, after)

    def pull_cable(self, line):
        """The router's end loses its carrier."""
        return self.break_line(line, CABLE)

    def silent_gateway(self, line):
        """The provider answers nothing and passes nothing, ARP and ND included; carrier stays."""
        return self.break_line(line, SILENT)

    def blackhole(self, line):
        """The gateway answers for itself, but nothing goes beyond it or comes back."""
        return self.break_line(line, BLACKHOLE)

    def heal(self, line):
        """End every fault of the line, whoever began it."""
        faults = self._faults.pop(_name(line), set(FAULTS))
        times = [self._command(_name(line), fault, is_broken=False) for fault in sorted(faults)]
        return self._note(line, "healed", times[0][0], times[-1][1])

    def is_broken(self, line):
        return bool(self._faults.get(_name(line)))

    def lose(self, line, percent):
        """Drop a share of what the provider forwards, both ways; 0 ends it."""
        rule = f"add rule inet provider loss numgen random mod 1000 < {int(percent * 10)} drop\n"
        before = time.monotonic_ns()
        self.provider(line).nft(
            "flush chain inet provider loss\n" + (rule if percent else "")
        )
        return self._note(line, f"{percent} % loss", before, time.monotonic_ns())

    def _command(self, line, fault, is_broken):
        port = self._ports[line, "far" if fault == BLACKHOLE else "cust"]
        if fault == CABLE:
            return port.rtnl.set_link(port.index, not is_broken)
        return port.rtnl.set_port_state(
            port.index, PORT_DISABLED if is_broken else PORT_FORWARDING
        )

    def _note(self, line, what, before, after):
        moment = Moment(_name(line), what, before, after)
        self.moments.append(moment)
        return moment

    # -- what the providers saw -----------------------------------------------------------------

    def counters(self, line):
        """Packets seen from the customer: wrong4/6, private4/6 (all dropped), good4/6."""
        text = self.provider(line).run("nft", "-j", "list", "counters", "table", "inet", "provider")
        items = [item["counter"] for item in json.loads(text)["nftables"] if "counter" in item]
        return {item["name"]: item["packets"] for item in items}

    def spoofed(self):
        """Packets with a source that is not the line's, by line and kind; only those not zero."""
        return {
            (line.name, kind): count
            for line in self.lines
            for kind, count in self.counters(line).items()
            if count and not kind.startswith("good")
        }

    def offenders(self, line):
        """(source, destination, protocol, packets) of what the provider dropped."""
        found = []
        for name in ("offenders4", "offenders6"):
            text = self.provider(line).run(
                "nft", "-j", "list", "set", "inet", "provider", name
            )
            for item in json.loads(text)["nftables"]:
                for element in item.get("set", {}).get("elem", []):
                    key = element["elem"]["val"]["concat"]
                    found.append((*key, element["elem"]["counter"]["packets"]))
        return found

    def reset_counters(self):
        for line in self.lines:
            self.provider(line).nft(
                "reset counters table inet provider\n"
                "flush set inet provider offenders4\nflush set inet provider offenders6\n"
            )

    # -- building -------------------------------------------------------------------------------

    def _build(self):
        self.log_directory.mkdir(exist_ok=True)
        self.log_directory.chmod(0o777)
        for namespace in self._namespaces.values():
            self.ledger.add_namespace(namespace.name)
            namespace.create()
            forwards = namespace.name.split("-", 1)[1] not in ("lan", "srv")
            self._prepare(namespace, forwards)
        self._build_internet()
        for line in self.lines:
            self._build_line(line)
        self._build_router()
        self._build_inside()

    @staticmethod
    def _prepare(namespace, forwards):
        yes = int(forwards)
        values = {
            "net__ipv4__ip_forward": yes,
            "net__ipv6__conf__all__forwarding": yes,
            "net__ipv6__conf__default__accept_ra": 0,
            "net__ipv6__conf__default__accept_dad": 0,
            "net__ipv4__conf__all__rp_filter": 0,
            "net__ipv4__conf__default__rp_filter": 0,
            "net__ipv4__icmp_ratelimit": 0,
            "net__ipv4__ping_group_range": "0 2147483647",
        }
        namespace.sysctl(**values)
        namespace.ip("link", "set", "lo", "up")

    def _veth(self, near, near_name, far, far_name):
        """A veth pair between two namespaces, both ends still down; returns the two indexes."""
        first, second = self._next_index, self._next_index + 1
        self._next_index += 2
        near.ip(
            *f"link add {near_name} index {first} address {self._fresh_mac()} type veth".split(),
            *f"peer name {far_name} index {second} address {self._fresh_mac()}".split(),
            *f"netns {far.name}".split(),
        )
        return first, second

    def _fresh_mac(self):
        self._mac += 1
        return f"02:4d:48:00:00:{self._mac:02x}"

    def _bridge(self, namespace, name, port):
        """Commands that put `port` into a bridge `name` whose carrier never goes away."""
        return f"""
            link add {name} address {self._fresh_mac()} type bridge stp_state 0 forward_delay 0 \
mcast_snooping 0
            link add {name}-keep type veth peer name {name}-kept
            link set {name}-keep master {name} addrgenmode none up
            link set {name}-kept addrgenmode none up
            link set {port} master {name} addrgenmode none up
            link set {name} up
        """.splitlines()

    def _build_internet(self):
        addresses = [plan.INTERNET4, *plan.TARGETS4, plan.INTERNET6, *plan.TARGETS6]
        self["internet"].batch(
            f"addr add {a}/{ipaddress.ip_address(a).max_prefixlen} dev lo" for a in addresses
        )

    def _build_line(self, line):
        isp, internet = self.provider(line), self["internet"]
        self._veth(self.customer(line), line.interface, isp, "cust-port")
        self._veth(internet, line.name, isp, "far-port")
        transit4, transit6 = (ipaddress.ip_network(t) for t in (line.transit4, line.transit6))
        isp.batch(self._bridge(isp, "cust", "cust-port") + self._bridge(isp, "far", "far-port"))
        isp.batch(
            f"""
            addr add {line.gateway4}/{line.link_length(4)} dev cust
            addr add {line.gateway6}/{line.link_length(6)} dev cust nodad
            addr add fe80::1/64 dev cust nodad
            addr add {transit4[1]}/30 dev far
            addr add {transit6[1]}/64 dev far nodad
            route add {line.public4} via {line.router4}
            route add {line.delegated6} via {line.router6}
            route add default via {transit4[2]}
            route add default via {transit6[2]}
            """.splitlines()
        )
        internet.batch(
            f"""
            link set {line.name} up
            addr add {transit4[2]}/30 dev {line.name}
            addr add {transit6[2]}/64 dev {line.name} nodad
            """.splitlines()
            + [f"route add {p} via {transit4[1]}" for p in line.prefixes(4)]
            + [f"route add {p} via {transit6[1]}" for p in line.prefixes(6)]
        )
        self._pin_transit(line, transit4, transit6)
        isp.nft(
            _PROVIDER_FILTER.format(
                allowed4=", ".join(line.prefixes(4)), allowed6=", ".join(line.prefixes(6))
            )
        )
        self._open_ports(line)

    def _open_ports(self, line):
        isp = self.provider(line)
        rtnl = Rtnl(isp.name)
        for link in json.loads(isp.run("ip", "-j", "link", "show")):
            if link["ifname"].endswith("-port"):
                side = link["ifname"].removesuffix("-port")
                self._ports[line.name, side] = _Port(link["ifindex"], rtnl)

    def _pin_transit(self, line, transit4, transit6):
        """Permanent neighbours beyond the gateway: a blackhole sends no `unreachable` back."""
        isp, internet = self.provider(line), self["internet"]
        mac = {
            side.name: json.loads(side.run("ip", "-j", "link", "show", "dev", device))[0]["address"]
            for side, device in ((isp, "far"), (internet, line.name))
        }
        isp.batch(
            f"neigh replace {t[2]} lladdr {mac[internet.name]} dev far nud permanent"
            for t in (transit4, transit6)
        )
        internet.batch(
            f"neigh replace {t[1]} lladdr {mac[isp.name]} dev {line.name} nud permanent"
            for t in (transit4, transit6)
        )

    def _build_router(self):
        own_table_names(self.ledger, self.router)
        self._veth(self["lan"], "eth0", self.router, plan.LAN_INTERFACE)
        self._veth(self["srv"], "eth0", self.router, plan.SERVERS_INTERFACE)
        commands = []
        for line in self.lines:
            commands += f"""
                link set {line.interface} up
                addr add {line.router4}/{line.link_length(4)} dev {line.interface}
                addr add {line.router6}/{line.link_length(6)} dev {line.interface} nodad
                addr add {line.lan6[1]}/64 dev {plan.LAN_INTERFACE} nodad
                addr add {ipaddress.ip_network(line.public4)[1]}/29 dev {plan.SERVERS_INTERFACE}
                addr add {line.servers6[1]}/64 dev {plan.SERVERS_INTERFACE} nodad
            """.splitlines()
        self.router.batch(
            commands
            + f"""
            link set {plan.LAN_INTERFACE} up
            link set {plan.SERVERS_INTERFACE} up
            addr add {plan.LAN4_ROUTER}/24 dev {plan.LAN_INTERFACE}
            addr add {plan.LAN6_ROUTER}/64 dev {plan.LAN_INTERFACE} nodad
            addr add fe80::1/64 dev {plan.LAN_INTERFACE} nodad
            addr add fe80::1/64 dev {plan.SERVERS_INTERFACE} nodad
            """.splitlines()
        )

    def _build_inside(self):
        lan_addresses = [line.lan_host6() for line in self.lines]
        self["lan"].batch(
            f"""
            link set eth0 up
            addr add {plan.LAN4_HOST}/24 dev eth0
            addr add {plan.LAN6_HOST}/64 dev eth0 nodad
            addr add {plan.INNER4_HOST}/32 dev lo
            addr add {plan.INNER6_HOST}/128 dev lo
            route add default via {plan.LAN4_ROUTER}
            route add default via fe80::1 dev eth0
            """.splitlines()
            + [f"addr add {a}/64 dev eth0 nodad" for a in lan_addresses]
        )
        default4 = ipaddress.ip_network(self.lines[0].public4)[1]
        self["srv"].batch(
            ["link set eth0 up"]
            + [f"addr add {line.server(4)}/29 dev eth0" for line in self.lines]
            + [f"addr add {line.server(6)}/64 dev eth0 nodad" for line in self.lines]
            + [f"route add default via {default4}", "route add default via fe80::1 dev eth0"]
        )
        self.router.batch(
            [
                f"route add {plan.INNER4} via {plan.LAN4_HOST}",
                f"route add {plan.INNER6} via {plan.LAN6_HOST}",
            ]
        )

    def log(self, name):
        """The log file of a process of this lab."""
        return self.log_directory / f"{name}.log"


def _name(line):
    return line if isinstance(line, str) else line.name
