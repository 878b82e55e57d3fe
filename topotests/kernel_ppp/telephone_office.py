# SPDX-License-Identifier: GPL-2.0-or-later
"""An office with a telco's line, which is PPPoE, and a cable line.

    lan --- r1-eth0   r1-eth1 --- telco --- inet     ppp0: 203.0.113.N, another one each time
                   r1 r1-eth2 --- cable --- inet     192.0.2.0/29

Both ends of the telco's line are Debian's: pppd with the kernel's PPPoE on the router, pppoe-server
and pppd at the provider, which hands out its addresses in turn.  Neither runs scripts: there,
/etc/ppp is the directory ppp beside the router's frr.conf, and telco/ppp.  The telco takes a source
only from the session that has this address at the moment.  Central: Pppd, Telco.
"""

import datetime
import json
import os
import pathlib
import re
import subprocess
import time

import multihome
import tunnels
from lab.ledger import end_processes, start_time
from lab.meters import Connector, Flow, Server
from lab.netns import run
from lab.waiting import wait_for

CWD = os.path.dirname(os.path.realpath(__file__))
INTERNET = "198.51.100.9"
CABLE = "192.0.2.2"


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
        """ip addr add 172.16.1.10/24 dev lan-eth0
        ip route add default via 172.16.1.1""",
    )
    tunnels.sh(
        gears["telco"],
        f"""mount --bind {CWD}/telco/ppp /etc/ppp
        ip addr add 198.51.100.1/30 dev telco-eth1
        ip route add default via 198.51.100.2""",
    )
    tunnels.sh(
        gears["cable"],
        """ip addr add 192.0.2.1/29 dev cable-eth0
        ip addr add 198.51.100.5/30 dev cable-eth1
        ip route add default via 198.51.100.6""",
    )
    tunnels.sh(
        gears["inet"],
        f"""ip addr add {INTERNET}/32 dev lo
        ip addr add 198.51.100.2/30 dev telco
        ip addr add 198.51.100.6/30 dev cable
        ip route add 203.0.113.0/24 via 198.51.100.1
        ip route add 192.0.2.0/29 via 198.51.100.5""",
    )
    tunnels.sh(gears["r1"], f"mount --bind {CWD}/r1/ppp /etc/ppp")
    _count_sources(gears)


def _count_sources(gears):
    """A source without a route back by its session is not the customer's; or it is, but the
    provider's pppd has not set the route yet, or has taken it away a moment ago.  So these are
    written down with the session, and the test judges."""
    tunnels.load_nft(
        gears["telco"],
        """table inet provider {
            counter wrong_v6 { }
            set unrouted { type ipv4_addr . ipv4_addr . iface_index; flags dynamic; size 64; }
            chain in {
                type filter hook prerouting priority raw;
                iifname != "ppp*" accept
                fib saddr . iif oif missing add @unrouted { ip saddr . ip daddr . iif } drop
                ip6 saddr != { fe80::/10, ::/128 } counter name wrong_v6 drop
            }
        }""",
    )
    tunnels.load_nft(
        gears["cable"],
        """table inet provider {
            counter wrong { }
            chain in {
                type filter hook prerouting priority raw;
                iifname "cable-eth0" ip saddr != 192.0.2.0/29 counter name wrong drop
            }
        }""",
    )


class Telco:
    """The provider's PPPoE server."""

    def __init__(self, tgen):
        self.gear = tgen.gears["telco"]
        self._directory = pathlib.Path(self.gear.logdir, "telco")
        self._pid_file = self._directory / "pppoe-server.pid"
        self._first = 10
        self._given = {}  # {interface: the customer's address} of every session

    def start(self):
        """Its sessions get the addresses in turn, a server that is started anew gives others."""
        tunnels.sh(
            self.gear,
            f"""pppoe-server -I telco-eth0 -C telco -L 198.51.100.65 -R 203.0.113.{self._first} -N 20 \\
            -T 0 -X {self._pid_file} </dev/null >>{self._directory}/pppoe-server.log 2>&1""",
        )
        self._first += 20

    def end_session(self):
        """As a provider that lets no session last for ever: the customer's pppd is told."""
        tunnels.sh(self.gear, f"pkill -P $(cat {self._pid_file}) -x pppd")

    def stop(self):
        tunnels.sh(
            self.gear,
            f"""server=$(cat {self._pid_file})
            pkill -P $server -x pppd || true
            kill $server""",
        )

    def break_beyond(self):
        """The sessions stay, nothing gets to the Internet."""
        tunnels.sh(
            self.gear,
            """nft add table ip broken
            nft 'add chain ip broken everything { type filter hook forward priority 0; policy drop; }'""",
        )

    def heal(self):
        tunnels.sh(self.gear, "nft delete table ip broken")

    def wrong_sources(self):
        """[(source, destination, session's interface)] of what bore another address than the session
        had.  To be asked once in every session, or its address is not known."""
        present = {}
        for each in multihome.kernel(self.gear).addresses():
            for address in each.get("addr_info", []):
                if each["ifname"].startswith("ppp") and address["family"] == "inet":
                    present[each["ifname"]] = each["ifindex"]
                    self._given[each["ifindex"]] = address["address"]
        text = tunnels.output(self.gear, *"nft -j list set inet provider unrouted".split())
        found = next(item["set"] for item in json.loads(text)["nftables"] if "set" in item)
        wrong = []
        for source, destination, session in (each["concat"] for each in found.get("elem", [])):
            index = int(present.get(session, session))  # one that has gone has no name
            if self._given.get(index) != source:
                wrong.append((source, destination, session))
        return wrong


class Pppd:
    """The router's own, and what the kernel told of its addresses."""

    def __init__(self, tgen):
        self.gear = tgen.gears["r1"]
        self._told = pathlib.Path(self.gear.logdir, "r1", "addresses.log")
        argv = ["ip", "-4", "-o", "-ts", "monitor", "address"]
        with open(self._told, "w", encoding="utf-8") as out:
            self._monitor = subprocess.Popen([*self.gear.net.pre_cmd, *argv], stdout=out)

    def start(self, *options):
        log = f"{self.gear.logdir}/r1/pppd.log"
        tunnels.sh(
            self.gear,
            f"pppd call telco debug logfile {log} {' '.join(options)} </dev/null >/dev/null 2>&1",
        )

    def pid(self):
        """Of the process with this link name; the file's second line is the interface."""
        return int(pathlib.Path("/run/ppp-telco.pid").read_text().split()[0])

    def stop(self):
        pid = self.pid()
        end_processes({pid: start_time(pid)}, patience=30)
        wait_for(lambda: not tunnels.link(self.gear, "ppp0"), what="ppp0 is gone")

    def is_alive(self):
        return start_time(self.pid()) is not None

    def address(self):
        """(ifindex, address) of ppp0; None: there is none."""
        for each in multihome.kernel(self.gear).addresses():
            found = [a["local"] for a in each.get("addr_info", []) if a["family"] == "inet"]
            if each.get("ifname") == "ppp0" and found:
                return each["ifindex"], found[0]
        return None

    def another_address(self, before):
        """Wait for it; returns it as address() does."""
        wait_for(
            lambda: self.address() not in (None, before), 60, "ppp0 comes with another address"
        )
        return self.address()

    def known_ns(self, address):
        """When the kernel told of the address, by the meters' clock: for the first time, since pppd
        sets it and then once more together with the peer's."""
        pattern = rf"\[([^]]+)\] \d+: ppp0 +inet {re.escape(address)}[ /]"

        def found():
            return re.search(pattern, self._told.read_text(encoding="utf-8"))

        stamp = datetime.datetime.fromisoformat(wait_for(found, what=f"{address} is told")[1])
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
        return Server(self, "inet", [INTERNET])

    def connector(self):
        """Twenty new connections a second: an emulated machine does not manage many more."""
        return Connector(self, INTERNET, interval_us=50_000)

    def flow(self):
        return Flow(self, "udp", INTERNET, interval_us=50_000, name="lasting")


def begins_by(connector, address, timeout=60):
    """Wait until what is begun from now on bears this address."""
    since = time.monotonic_ns()

    def newest():
        good = connector.successes(since)
        return good and good[-1][2]

    wait_for(lambda: newest() == address, timeout, f"new connections bear {address}", 0.1)
