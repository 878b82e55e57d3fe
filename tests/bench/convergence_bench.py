#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""How long a host behind a third router is without the Internet, by routing protocol and timers.

    MULTIHOME_BUILD=build tests/bench/convergence_bench.py [--rounds N] [--only WORD] [--list]

      charter --- a ---.            a, b: multihomed with one line each
                  |     c --- lan   c:    FRR's own daemons only; prefers a
          att --- b ---'

A fault begins at a random moment.  Measured is, in packets, the longest time in which no new TCP
connection could be begun (every 20 ms) and the longest silence of a UDP flow (every 10 ms) that had
begun before it.  Nothing is judged.  Central: Office, trial().
"""

import argparse
import contextlib
import dataclasses
import ipaddress
import pathlib
import random
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from failover_bench import spread  # noqa: E402
from lab import CABLE, SILENT, Connector, Flow, Lab, Server, loss, plan, wait_for  # noqa: E402
from lab.frr import Frr  # noqa: E402
from lab.netns import Rtnl, now_ns  # noqa: E402
from lab.stage import own_table_names  # noqa: E402

CUT = "link a-c cut"
QUIET = "link a-c silent"  # loses everything and keeps its carrier
FAULTS = {CABLE: "a's line: cable pulled", SILENT: "a's line: gateway silent"}
FAULTS |= {fault: fault for fault in (CUT, QUIET)}
EXITS = {"charter": "a", "att": "b"}
LINKS = {("a", "c"): 1, ("b", "c"): 2, ("a", "b"): 3}  # the number is in the addresses
HOST = {4: "10.10.0.10", 6: "fd5a:1b2c:3d4e:10::10"}
GATEWAY = {4: "10.10.0.1", 6: "fd5a:1b2c:3d4e:10::1"}


class Office(Lab):
    """Two exit routers with a line each, a client router, a host."""

    ROLES = ("lan", "a", "b", "c")

    def customer(self, line):
        return self[EXITS[line.name]]

    def _build_router(self):
        self._rtnl = Rtnl(self["c"].name)
        for line in self.lines:
            router = self.customer(line)
            own_table_names(self.ledger, router)
            router.batch(
                [
                    f"link set {line.interface} up",
                    f"addr add {line.router4}/{line.link_length(4)} dev {line.interface}",
                    f"addr add {line.router6}/{line.link_length(6)} dev {line.interface} nodad",
                ]
            )

    def _build_inside(self):
        for (near, far), number in LINKS.items():
            indexes = self._veth(self[near], f"to-{far}", self[far], f"to-{near}")
            if (near, far) == ("a", "c"):
                self._cut_port = indexes[1]
            for end, (role, peer) in enumerate(((near, far), (far, near)), 1):
                self[role].batch(
                    [
                        f"link set to-{peer} up",
                        f"addr add 10.1.{number}.{end}/24 dev to-{peer}",
                        f"addr add fd5a:1b2c:3d4e:{number}::{end}/64 dev to-{peer} nodad",
                    ]
                )
        self._veth(self["c"], "to-lan", self["lan"], "eth0")
        for role, device, address in (("c", "to-lan", GATEWAY), ("lan", "eth0", HOST)):
            self[role].batch(
                [
                    f"link set {device} up",
                    f"addr add {address[4]}/24 dev {device}",
                    f"addr add {address[6]}/64 dev {device} nodad",
                ]
            )
        self["lan"].batch(f"route add default via {GATEWAY[family]}" for family in (4, 6))

    def begin(self, fault):
        """Let a fault of router a begin; returns when, in ns."""
        if fault == CUT:
            return self._rtnl.set_link(self._cut_port, False)[1]
        if fault == QUIET:
            return self._lose_between(100)
        return self.break_line("charter", fault).at

    def end(self, fault):
        if fault == CUT:
            self._rtnl.set_link(self._cut_port, True)
        elif fault == QUIET:
            self._lose_between(0)
        else:
            self.heal("charter")

    def _lose_between(self, percent):
        """On the link between a and c, both ways; returns when, in ns."""
        self["c"].nft(loss.ruleset("to-a", percent))
        began = now_ns()
        self["a"].nft(loss.ruleset("to-c", percent))
        return began


# -- what the routers are told ------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Variant:
    """A protocol with certain timers; `everywhere` is under each interface inside."""

    protocol: str
    timers: str
    daemon: str
    family: int
    period: float  # seconds, in which its timers come round: faults begin anywhere in it
    patience: float  # seconds until "never"
    everywhere: str = ""
    process: str = ""


def _ospf(**more):
    return Variant("OSPF", daemon="ospfd", family=4, **more)


def _ospf6(**more):
    return Variant("OSPFv3", daemon="ospf6d", family=6, **more)


def _babel(**more):
    return Variant("Babel", daemon="babeld", family=4, **more)


def _ripng(**more):
    return Variant("RIPng", daemon="ripngd", family=6, **more)


_QUICK_OSPF = """
    {ip} network point-to-point
    {ip} hello-interval 1
    {ip} dead-interval 3
    {ip} retransmit-interval 1"""
_QUICK_OSPF_PROCESS = """
    timers throttle spf 0 50 500
    timers throttle lsa all 100
    timers lsa min-arrival 50"""
# ospf6d takes a default that it has learned itself for one to originate: two exits would keep each
# other's for ever.  So their zebras do not take it.
_OSPF6_EXIT = """
    ipv6 prefix-list default seq 5 permit ::/0
    route-map no-default deny 10
    match ipv6 address prefix-list default
    exit
    route-map no-default permit 20
    exit
    ipv6 protocol ospf6 route-map no-default
"""
VARIANTS = [
    _ospf(timers="default", period=2, patience=90),
    _ospf(
        timers="recommended",
        period=2,
        patience=30,
        everywhere=_QUICK_OSPF.format(ip="ip ospf"),
        process=_QUICK_OSPF_PROCESS,
    ),
    _ospf6(timers="default", period=2, patience=90),
    _ospf6(
        timers="recommended",
        period=2,
        patience=30,
        everywhere=_QUICK_OSPF.format(ip="ipv6 ospf6"),
        process="timers throttle spf 0 50 500\ntimers lsa min-arrival 50",
    ),
    _babel(timers="default", period=16, patience=400),
    _babel(
        timers="hello 1000, update 1000",
        period=1,
        patience=90,
        everywhere="babel hello-interval 1000\nbabel update-interval 1000",
    ),
    _babel(
        timers="hello 1000, update 300",
        period=1,
        patience=60,
        everywhere="babel hello-interval 1000\nbabel update-interval 300",
    ),
    _ripng(timers="default (30 180 120)", period=30, patience=400),
    _ripng(timers="5 15 10", period=5, patience=60, process="timers basic 5 15 10"),
    _ripng(timers="2 6 4", period=2, patience=60, process="timers basic 2 6 4"),
]


def _inside(role):
    """A router's interfaces to the others."""
    return [f"to-{far if near == role else near}" for near, far in LINKS if role in (near, far)]


def configuration(role, variant):
    """What is typed into a router beyond its addresses, which the lab has set."""
    text = _PROTOCOLS[variant.daemon](role, _inside(role), variant)
    line = next((line for line in plan.LINES if EXITS[line.name] == role), None)
    return text + (_multihome(line) if line else "")


def _multihome(line):
    target = list(plan.LINES).index(line)
    return f"""
        router multihome
        probe profile default
        dampening half-life 0
        exit
        uplink {line.name}
        interface {line.interface}
        ip gateway {line.gateway4}
        ipv6 gateway {line.gateway6}
        ipv6 nat masquerade
        probe icmp {plan.TARGETS4[target]}
        probe icmp {plan.TARGETS6[target]}
        exit
        exit
    """


def _interfaces(peers, always, variant):
    return "".join(f"interface {peer}\n{always}\n{variant.everywhere}\nexit\n" for peer in peers)


def _configure_ospf(role, peers, variant):
    router = "ospf" if variant.family == 4 else "ospf6"
    area = "ip ospf" if variant.family == 4 else "ipv6 ospf6"
    what = {
        "a": "default-information originate metric 10",
        "b": "default-information originate metric 100",
        "c": "redistribute connected",
    }
    identity = f"{router} router-id 10.255.0.{ord(role) - ord('a') + 1}"
    text = _interfaces(peers, f"{area} area 0", variant)
    if router == "ospf6" and role != "c":
        text += _OSPF6_EXIT
    return text + f"router {router}\n{identity}\n{what[role]}\n{variant.process}\nexit\n"


def _configure_babel(role, peers, variant):
    """b's links cost more, as b tells who sends by them."""
    cost = "babel rxcost 200" if role == "b" else ""
    what = "connected" if role == "c" else "openfabric"
    networks = "\n".join(f"network {peer}" for peer in peers)
    text = f"router babel\n{networks}\nredistribute ipv4 {what}\n{variant.process}\nexit\n"
    return text + _interfaces(peers, f"babel wired\n{cost}", variant)


def _configure_ripng(role, peers, variant):
    what = {
        "a": "redistribute openfabric metric 1",
        "b": "redistribute openfabric metric 4",
        "c": "redistribute connected",
    }
    networks = "\n".join(f"network {peer}" for peer in peers)
    return f"router ripng\n{networks}\n{what[role]}\n{variant.process}\nexit\n"


_PROTOCOLS = {
    "ospfd": _configure_ospf,
    "ospf6d": _configure_ospf,
    "babeld": _configure_babel,
    "ripngd": _configure_ripng,
}


# -- measuring ----------------------------------------------------------------------------------


@dataclasses.dataclass
class Outcome:
    """Seconds; None is "never"."""

    fresh: float | None  # without a new connection
    flow: float | None  # the silence of the flow that had begun; never: not 10 s after these


class Traffic:
    """New connections from the host, in the family that the protocol speaks; flows on demand."""

    def __init__(self, lab, variant):
        self._lab = lab
        self._target = plan.internet(variant.family)
        self._flows = 0
        self.server = Server(lab)
        self.fresh = Connector(lab, self._target)

    def begin_flow(self):
        self._flows += 1
        name = f"flow-{self._flows}"
        flow = Flow(self._lab, "udp", self._target, interval_us=10000, name=name)
        flow.wait_flowing()
        return flow

    def go_by(self, line, since, timeout):
        """Wait until twenty new connections in a row left by this line."""

        def by_this_line_alone():
            last = self.fresh.successes(since)[-20:]
            return len(last) == 20 and all(line.owns(source) for _, _, source in last)

        wait_for(by_this_line_alone, timeout, what=f"traffic by {line.name}", interval=0.1)


def rest(seconds):
    until = time.monotonic() + seconds
    wait_for(lambda: time.monotonic() >= until, seconds + 5)


def _met_by(frr):
    shown = frr.vtysh("show babel neighbor").splitlines()
    return [line for line in shown if "Neighbour" in line and "(down)" not in line]


class Neighbours:
    """babeld (8.4.4) that is told twice of an interface which is up lets it alone from then on.

    It may be so at its start and after a cut; then the interfaces inside are given to it anew.
    """

    def __init__(self):
        self._routers = []  # (Frr, the interfaces inside)

    def add(self, frr, role):
        inside = _inside(role)
        wait_for(lambda: set(inside) <= set(frr.vtysh("show babel interface").split()))
        self._routers.append((frr, inside))

    def meet(self):
        with contextlib.suppress(AssertionError):
            wait_for(self._have_met, 30, interval=0.5)
            return
        print("babeld is given its interfaces anew", file=sys.stderr)
        for frr, inside in self._routers:
            anew = "\n".join(f"no network {port}\nnetwork {port}" for port in inside)
            frr.configure(f"router babel\n{anew}")
        wait_for(self._have_met, 30, interval=0.5)

    def _have_met(self):
        return all(len(_met_by(frr)) == len(inside) for frr, inside in self._routers)


def trial(lab, traffic, variant, fault):
    first, second = lab.lines
    traffic.go_by(first, time.monotonic_ns(), 2 * variant.patience)
    flow = traffic.begin_flow()
    rest(random.uniform(0, variant.period))
    began = lab.begin(fault)
    with contextlib.suppress(AssertionError):
        traffic.go_by(second, began, variant.patience)
        wait_for(lambda: not flow.gap(began).is_open, 10)
    gaps = [meter.gap(began) for meter in (traffic.fresh, flow)]
    print(variant.protocol, variant.timers, fault, *gaps, file=sys.stderr, flush=True)
    flow.stop()
    lab.end(fault)
    return Outcome(*(None if gap.is_open else gap.ms / 1e3 for gap in gaps))


def routers(lab, variant, stack):
    """Start and configure FRR on a, b and c; returns their Neighbours."""
    neighbours = Neighbours()
    for role in ("a", "b", "c"):
        frr = Frr(lab, role)
        stack.callback(frr.stop_all)
        frr.start_zebra(with_module=role != "c")
        frr.start(variant.daemon)
        if role != "c":
            frr.start_multihomed()
        if variant.daemon == "babeld":
            neighbours.add(frr, role)
        frr.load(configuration(role, variant))
    return neighbours


def measure(variant, faults, rounds):
    """{fault: [Outcome]} in a fresh office."""
    with Office.create() as lab, contextlib.ExitStack() as stack:
        neighbours = routers(lab, variant, stack)
        traffic = Traffic(lab, variant)
        outcomes = {fault: [] for fault in faults}
        for fault in faults:
            for _ in range(rounds):
                neighbours.meet()
                outcomes[fault].append(trial(lab, traffic, variant, fault))
        return outcomes


def row(variant, fault, outcomes):
    fresh, flow = ([getattr(o, name) for o in outcomes] for name in ("fresh", "flow"))
    cells = [variant.protocol, variant.timers, FAULTS[fault], spread(fresh, 2), spread(flow, 2)]
    return f"| {' | '.join(cells)} |"


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=5, help="trials of each fault")
    options.add_argument("--only", default="", help="variants with this in `PROTOCOL TIMERS`")
    options.add_argument("--list", action="store_true", help="list the variants and end")
    options = options.parse_args()
    chosen = [v for v in VARIANTS if options.only in f"{v.protocol} {v.timers}"]
    if options.list:
        print("\n".join(f"{v.protocol} {v.timers}" for v in chosen))
        return
    head = ["protocol", "timers", "fault", "new connections, s", "flow, s"]
    print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}", flush=True)
    for variant in chosen:
        for fault, outcomes in measure(variant, FAULTS, options.rounds).items():
            print(row(variant, fault, outcomes), flush=True)


if __name__ == "__main__":
    main()
