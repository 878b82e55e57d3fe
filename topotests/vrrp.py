# SPDX-License-Identifier: GPL-2.0-or-later
"""Two routers, ra and rb, with one gateway address for the LAN.

    h --- lan --- ra --- lines --- inet
               `- rb -´

All cables but those behind the providers run by one node, sw, which has a bridge for each network:
there a router is unplugged, from everything in one moment.  h has an IPv4 address that is
translated, and an IPv6 address of either line; its IPv4 gateway is the shared address.  Flows of
tests/lab run from h to inet.  What the modules of mh_vrrp have in common.  Central: setup(),
Office.undisturbed().
"""

import contextlib
import functools
import ipaddress
import pathlib
import subprocess

import igp
import multihome
from igp import gear
from lab import plan
from lab.meters import Flow, Server
from lab.netns import now_ns
from lab.waiting import wait_for
from lib.topogen import Topogen
from lib.topolog import logger

CHARTER, ATT = plan.LINES
ROUTERS = ("ra", "rb")
HOST4 = "172.16.1.10"
GATEWAY4 = "172.16.1.1"
LINES_UP = {(line.name, f"ipv{f}"): "up" for line in plan.LINES for f in (4, 6)}


# -- building -----------------------------------------------------------------------------------


def build_topo(networks, tgen):
    """`networks`: {bridge: {port of sw: interface that it is connected with}}."""
    for name in ROUTERS:
        multihome.add_router(tgen, name)
    for name in ("sw", "charter", "att", "inet", "h"):
        multihome.add_bare_host(tgen, name)
    for ports in networks.values():
        for port, interface in ports.items():
            tgen.add_link(tgen.gears["sw"], tgen.gears[interface.split("-")[0]], port, interface)
    for line in plan.LINES:
        tgen.add_link(tgen.gears[line.name], tgen.gears["inet"], f"{line.name}-eth1", line.name)


def setup(mod, networks):
    """The nodes with their addresses; the routers are the module's to load and to start."""
    tgen = Topogen(functools.partial(build_topo, networks), mod.__name__)
    tgen.start_topology()
    igp.address_outside(tgen.gears)
    for line in plan.LINES:
        via = ipaddress.ip_network(line.transit6)[1]
        for name, gateway in ((line.name, line.router6), ("inet", via)):
            gear(name).net.cmd_raises(f"ip -6 route add {line.delegated6} via {gateway}")
    _address_host()
    _connect(networks)
    for name in ROUTERS:
        gear(name).net.cmd_raises(
            "for f in /proc/sys/net/ipv6/conf/*/accept_dad; do echo 0 > $f; done"
        )
    return tgen


def _connect(networks):
    commands = []
    for bridge, ports in networks.items():
        commands += [f"link add name {bridge} type bridge mcast_snooping 0"]
        commands += [f"link set dev {port} master {bridge}" for port in ports]
        commands += [f"link set dev {bridge} up"]
    _ip_batch(gear("sw"), commands)


def _address_host():
    commands = [f"addr add {HOST4}/24 dev h-eth0", "addr add fd00:1::10/64 dev h-eth0 nodad"]
    commands += [f"addr add {line.lan_host6()}/64 dev h-eth0 nodad" for line in plan.LINES]
    commands += [f"route add default via {GATEWAY4}"]
    _ip_batch(gear("h"), commands)


def _ip_batch(node, commands):
    node.net.cmd_raises("ip -batch -", stdin="\n".join(commands) + "\n")


def add_macvlan(router, parent, name, vrid, family):
    """What vrrpd wants to find: bridge mode, the VRRP MAC, link-local addresses not made of it."""
    commands = [
        f"link add name {name} link {parent} type macvlan mode bridge",
        f"link set dev {name} addrgenmode {'none' if family == 4 else 'random'}",
        f"link set dev {name} address {mac(vrid, family)}",
        f"link set dev {name} up",
    ]
    _ip_batch(router, commands)


def mac(vrid, family):
    return f"00:00:5e:00:0{1 if family == 4 else 2}:{vrid:02x}"


# -- looking and acting -------------------------------------------------------------------------


def unplug(*ports):
    _ip_batch(gear("sw"), [f"link set dev {port} down" for port in ports])


def plug_in(*ports):
    _ip_batch(gear("sw"), [f"link set dev {port} up" for port in ports])


def wait_lines_up(name, wanted):
    """`wanted`: {(uplink, family): "up"}"""
    wait_for(lambda: multihome.states(gear(name)) == wanted, 30, what=f"{name}'s lines are up")


def key(flow):
    """How tracked() names a flow: family, and the port that the server sees."""
    reply = flow.replies[-1]
    return (6 if ":" in reply.source else 4, reply.port)


def tracked(name, flows):
    """These flows as a router tracks them: {key: (source outside, mark)}."""
    wanted = {key(flow) for flow in flows}
    found = {}
    for family in (4, 6):
        for entry in multihome.kernel(gear(name)).conntrack(family):
            if entry["reply"]["src"] == plan.internet(family) and "dport" in entry["reply"]:
                port = (family, int(entry["reply"]["dport"]))
                found[port] = (entry["reply"]["dst"], entry.get("mark", 0))
    return {each: value for each, value in found.items() if each in wanted}


class Office:
    """Processes beside FRR's: daemons on routers, and the meters, which take it for their lab."""

    def __init__(self, directory):
        self.log_directory = pathlib.Path(directory)
        self.ledger = self
        self._children = {}

    def __getitem__(self, role):
        return multihome.Namespace(gear(role))

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

    def end_all(self):
        for pid in list(self._children):
            self.end(pid)

    def serve(self):
        return Server(self, role="inet")

    @contextlib.contextmanager
    def flow(self, source, name):
        """A TCP connection from h, an echo every 10 ms."""
        to = plan.internet(6 if ":" in source else 4)
        flow = Flow(self, "tcp", to, role="h", bind=source, name=name)
        try:
            flow.wait_flowing()
            yield flow
        finally:
            flow.stop()

    @contextlib.contextmanager
    def undisturbed(self, flows, within_ms):
        """What happens inside silences no flow for longer, nor does a server see another source."""
        sources = [set(flow.sources()) for flow in flows]
        begun = now_ns()
        yield
        done = now_ns()
        for flow, source in zip(flows, sources):
            flow.wait_flowing(done)
            assert not flow.broken and set(flow.sources()) == source, flow.name
            gap = flow.gap(begun)
            logger.info("%s was silent for %s", flow.name, gap)
            assert gap.ms < within_ms, f"{flow.name}: {gap}"
