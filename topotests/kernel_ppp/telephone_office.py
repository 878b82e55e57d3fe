# SPDX-License-Identifier: GPL-2.0-or-later
"""An office with a telco's line, which is PPPoE, and a cable line.

    lan --- r1-eth0   r1-eth1 --- telco --- inet     ppp0: 203.0.113.N, another one each time
       :           r1 r1-eth2 --- cable --- inet     192.0.2.0/29
       2001:db8:d:100::10 and 2001:db8:c:100::10, of the prefix that each provider delegates

Both ends of the telco's line are Debian's: pppd with the kernel's PPPoE on the router, pppoe-server
and pppd at the provider, which hands out its addresses in turn.  There, /etc/ppp is the directory
ppp beside the router's frr.conf, without scripts, and telco/ppp, with one that routes the delegated
prefix into the session.  The telco takes a source only from the session that has it at the moment.
Central: Pppd, Telco.
"""

import datetime
import ipaddress
import json
import os
import pathlib
import re
import signal
import subprocess
import time
import typing

import multihome
import tunnels
from lab.ledger import end_processes, start_time
from lab.meters import Connector, Flow, Server
from lab.netns import run
from lab.waiting import wait_for

CWD = os.path.dirname(os.path.realpath(__file__))
INTERNET = {4: "198.51.100.9", 6: "2001:db8:ffff::9"}
CABLE = {4: "192.0.2.2", 6: "2001:db8:c:100::10"}  # who is seen outside
PREFIXES = ["2001:db8:d:100::/56", "2001:db8:d:200::/56"]  # that the telco delegates
LINK_PREFIX = "2001:db8:e::/64"  # of the session itself, if the telco advertises it


def host_in(prefix, number=0x10):
    """An address of the LAN's network out of a delegated prefix; 1 is the router."""
    return str(ipaddress.ip_network(prefix)[number])


def build_topo(tgen):
    r1 = multihome.add_router(tgen, "r1")
    names = ("lan", "telco", "cable", "inet")
    hosts = {name: multihome.add_bare_host(tgen, name) for name in names}
    tgen.add_link(r1, hosts["lan"], "r1-eth0", "lan-eth0")
    tgen.add_link(r1, hosts["telco"], "r1-eth1", "telco-eth0")
    tgen.add_link(r1, hosts["cable"], "r1-eth2", "cable-eth0")
    tgen.add_link(hosts["telco"], hosts["inet"], "telco-eth1", "telco")
    tgen.add_link(hosts["cable"], hosts["inet"], "cable-eth1", "cable")


def prepare(tgen):
    """All that is there before multihomed: of the telco's line, the wire only."""
    run(["modprobe", "pppoe"])
    gears = tgen.gears
    tunnels.sh(
        gears["lan"],
        f"""ip addr add 172.16.1.10/24 dev lan-eth0
        ip addr add {host_in(PREFIXES[0])}/64 dev lan-eth0 nodad
        ip addr add {CABLE[6]}/64 dev lan-eth0 nodad
        ip route add default via 172.16.1.1
        ip route add default via {host_in(PREFIXES[0], 1)}""",
    )
    tunnels.sh(
        gears["telco"],
        f"""mount --bind {CWD}/telco/ppp /etc/ppp
        ip addr add 198.51.100.1/30 dev telco-eth1
        ip addr add 2001:db8:1::1/64 dev telco-eth1 nodad
        ip route add default via 198.51.100.2
        ip route add default via 2001:db8:1::2""",
    )
    tunnels.sh(
        gears["cable"],
        """ip addr add 192.0.2.1/29 dev cable-eth0
        ip addr add 198.51.100.5/30 dev cable-eth1
        ip addr add 2001:db8:c::1/64 dev cable-eth0 nodad
        ip addr add 2001:db8:2::1/64 dev cable-eth1 nodad
        ip route add default via 198.51.100.6
        ip route add default via 2001:db8:2::2
        ip route add 2001:db8:c:100::/56 via 2001:db8:c::2""",
    )
    tunnels.sh(
        gears["inet"],
        f"""ip addr add {INTERNET[4]}/32 dev lo
        ip addr add {INTERNET[6]}/128 dev lo
        ip addr add 198.51.100.2/30 dev telco
        ip addr add 198.51.100.6/30 dev cable
        ip addr add 2001:db8:1::2/64 dev telco nodad
        ip addr add 2001:db8:2::2/64 dev cable nodad
        ip route add 2001:db8:d::/48 via 2001:db8:1::1
        ip route add 2001:db8:e::/48 via 2001:db8:1::1
        ip route add 2001:db8:c::/48 via 2001:db8:2::1
        ip route add 203.0.113.0/24 via 198.51.100.1
        ip route add 192.0.2.0/29 via 198.51.100.5""",
    )
    tunnels.sh(
        gears["r1"],
        f"""mount --bind {CWD}/r1/ppp /etc/ppp
        sysctl -q -w net.ipv6.conf.default.accept_ra=2""",
    )
    _count_sources(gears)


def _count_sources(gears):
    """A source without a route back by its session is not the customer's; or it is, but the
    provider's pppd has not set the route yet, or has taken it away a moment ago.  So these are
    written down with the session, and the test judges."""
    tunnels.load_nft(
        gears["telco"],
        """table inet provider {
            set unrouted4 { type ipv4_addr . ipv4_addr . iface_index; flags dynamic; size 999; }
            set unrouted6 { type ipv6_addr . ipv6_addr . iface_index; flags dynamic; size 999; }
            chain in {
                type filter hook prerouting priority raw;
                iifname != "ppp*" accept
                ip6 saddr { fe80::/10, :: } accept
                fib saddr . iif oif exists accept
                add @unrouted4 { ip saddr . ip daddr . iif } drop
                add @unrouted6 { ip6 saddr . ip6 daddr . iif } drop
            }
        }""",
    )
    tunnels.load_nft(
        gears["cable"],
        """table inet provider {
            counter wrong { }
            chain in {
                type filter hook prerouting priority raw;
                iifname "cable-eth0" fib saddr . iif oif missing counter name wrong drop
            }
        }""",
    )


class Telco:
    """The provider's PPPoE server."""

    def __init__(self, tgen):
        self.gear = tgen.gears["telco"]
        self.prefix = PREFIXES[0]  # for sessions that begin from now on: see delegate()
        self._directory = pathlib.Path(self.gear.logdir, "telco")
        self._pid_file = self._directory / "pppoe-server.pid"
        self._first = 10
        self._had = {self.prefix}  # the customer may not yet have heard of another one
        self._indexes = {}  # of sessions by name, the newest: one that ends has no address any more
        self._given = {}  # {session's interface: networks that are the customer's}

    def start(self, sessions=20):
        """They get the addresses in turn; a server that is started anew gives others."""
        self.delegate(self.prefix)
        tunnels.sh(
            self.gear,
            f"""pppoe-server -I telco-eth0 -C telco -L 198.51.100.65 -R 203.0.113.{self._first} \\
            -N {sessions} -T 0 -X {self._pid_file} -O {self._options} \\
            </dev/null >>{self._directory}/pppoe-server.log 2>&1""",
        )
        self._first += sessions

    @property
    def _options(self):
        return self._directory / "options"

    def delegate(self, prefix):
        self.prefix = prefix
        self._had.add(prefix)
        common = pathlib.Path(CWD, "telco/ppp/pppoe-server-options").read_text(encoding="utf-8")
        text = f"{common}ipparam {prefix},{LINK_PREFIX}\n"
        self._options.write_text(text, encoding="utf-8")

    def end_session(self):
        """As a provider that lets no session last for ever: the customer's pppd is told."""
        self.remember()
        tunnels.sh(self.gear, f"pkill -P $(cat {self._pid_file}) -x pppd")

    def stop(self):
        self.remember()
        tunnels.sh(
            self.gear,
            f"""server=$(cat {self._pid_file})
            pkill -P $server -x pppd || true
            kill $server""",
        )

    def advertise(self, router_lifetime=1800):
        """One router advertisement into the session, with a prefix for its two ends."""
        interface = next(name for name, _ in self._sessions().values())
        argv = ["python3", f"{CWD}/advertise.py", interface, LINK_PREFIX, str(router_lifetime)]
        tunnels.output(self.gear, *argv)

    def break_beyond(self):
        """The sessions stay, nothing gets to the Internet."""
        tunnels.sh(
            self.gear,
            """nft add table inet broken
            nft add chain inet broken everything '{ type filter hook forward priority 0; }'
            nft add rule inet broken everything drop""",
        )

    def heal(self):
        tunnels.sh(self.gear, "nft delete table inet broken")

    def _sessions(self):
        """{interface's index: (its name, the customer's IPv4 address)}"""
        found = {}
        for each in multihome.kernel(self.gear).addresses():
            for address in each.get("addr_info", []):
                if each.get("ifname", "").startswith("ppp") and address["family"] == "inet":
                    found[each["ifindex"]] = each["ifname"], address["address"]
        return found

    def remember(self):
        """What the sessions have.  To be called in every one."""
        present = self._sessions()
        for index, (name, address) in present.items():
            nets = [f"{address}/32", LINK_PREFIX, *self._had]
            self._given[index] = [ipaddress.ip_network(net) for net in nets]
            self._indexes[name] = index

    def unrouted(self):
        """[(source, destination, session's index)] of what had no way back when it came: before
        pppd had set it, or after it had taken it away, or because it is wrong."""
        self.remember()
        items = json.loads(tunnels.output(self.gear, "nft", "-j", "list", "sets"))["nftables"]
        seen = [element["concat"] for i in items for element in i.get("set", {}).get("elem", [])]
        # the interface of a session that has gone has no name
        return [(source, to, self._indexes.get(on) or int(on)) for source, to, on in seen]

    def wrong_sources(self):
        """unrouted() without what the session had, if that was asked for: remember()."""
        return [
            each
            for each in self.unrouted()
            if not any(ipaddress.ip_address(each[0]) in net for net in self._given.get(each[2], []))
        ]


class Session(typing.NamedTuple):
    """What the customer has of one: its interface, by family its address there, and the peer's."""

    index: int
    addresses: dict
    peers: dict


class Pppd:
    """The router's own, and what the kernel told of its addresses."""

    def __init__(self, tgen):
        self.gear = tgen.gears["r1"]
        self._told = pathlib.Path(self.gear.logdir, "r1", "addresses.log")
        self._last = Session(0, {}, {})
        self.interface = "ppp0"
        argv = ["ip", "-o", "-ts", "monitor", "address"]
        with open(self._told, "w", encoding="utf-8") as out:
            self._monitor = subprocess.Popen([*self.gear.net.pre_cmd, *argv], stdout=out)

    def start(self, *options, interface="ppp0"):
        self.interface = interface
        log = f"{self.gear.logdir}/r1/pppd.log"
        tunnels.sh(
            self.gear,
            f"pppd call telco ifname {interface} debug logfile {log} {' '.join(options)}"
            " </dev/null >/dev/null 2>&1",
        )

    def pid(self):
        """Of the process with this link name; the file's second line is the interface."""
        return int(pathlib.Path("/run/ppp-telco.pid").read_text().split()[0])

    def stop(self):
        pid = self.pid()
        end_processes({pid: start_time(pid)}, patience=30)
        wait_for(lambda: not tunnels.link(self.gear, self.interface), what="the interface is gone")

    def reconnect(self):
        """As if the customer wished it."""
        os.kill(self.pid(), signal.SIGHUP)

    def is_alive(self):
        return start_time(self.pid()) is not None

    def _news(self):
        """[(when, interface's index, its name, address, the peer's)] that the kernel has told."""
        pattern = r"\[(\S+)\] (\d+): (\S+) +inet6? ([^ /]+)(?: peer ([^ /]+))?"
        return re.findall(pattern, self._told.read_text(encoding="utf-8"))

    def session(self):
        """The newest that has both addresses; nothing is run, so that waiting costs nothing."""
        found = {}
        for _, index, interface, address, peer in self._news():
            if interface == self.interface and peer:
                found.setdefault(int(index), {})[6 if ":" in address else 4] = address, peer
        whole = [(index, each) for index, each in found.items() if len(each) == 2]
        if not whole:
            return None
        index, ends = max(whole)
        return Session(index, *({f: ends[f][i] for f in (4, 6)} for i in (0, 1)))

    def next_session(self, before=None):
        """Wait for one that is newer."""

        def came():
            now = self.session()
            return now and now.index > (before or self._last).index and now

        self._last = wait_for(came, 120, f"{self.interface} comes anew", 0.1)
        return self._last

    def known_ns(self, address, index=None):
        """When the kernel told of an address, by the meters' clock: for the first time, since pppd
        sets it and then once more together with the peer's."""

        def found():
            told = (n for n in self._news() if n[3] == address and index in (None, int(n[1])))
            return next(told, None)

        stamp = datetime.datetime.fromisoformat(wait_for(found, what=f"{address} is told")[0])
        return int(stamp.timestamp() * 1e9) - (time.time_ns() - time.monotonic_ns())


class Meters:
    """Traffic meters in the topology's hosts: what lab.meters wants of a lab."""

    def __init__(self, tgen):
        self._gears = tgen.gears
        self._children = {}
        self.ledger = self
        self.log_directory = pathlib.Path(tgen.logdir)

    def __getitem__(self, name):
        return multihome.kernel(self._gears[name]).namespace

    def log(self, name):
        return self.log_directory / f"{name}.log"

    def spawn(self, argv, log):
        with open(log, "ab") as out:
            child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        self._children[child.pid] = child
        return child

    def end(self, pid):
        child = self._children.pop(pid)
        child.terminate()
        child.wait()

    def server(self):
        return Server(self, "inet", INTERNET.values())

    def connector(self, family, bind=None):
        """Ten new connections a second: an emulated machine does not manage many more."""
        return Connector(self, INTERNET[family], bind=bind, interval_us=100_000)

    def flow(self, family, **options):
        options = {"interval_us": 50_000, "name": f"lasting{family}", **options}
        return Flow(self, "udp", INTERNET[family], **options)


def begins_by(connector, address, timeout=60):
    """Wait until what is begun from now on bears this address."""
    since = time.monotonic_ns()

    def newest():
        good = connector.successes(since)
        return good and good[-1][2]

    wait_for(lambda: newest() == address, timeout, f"new connections bear {address}", 0.1)
