#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""How often loss changes what we tell: the default, its metric, what hosts are told.

    MULTIHOME_BUILD=build tests/bench/lossy_bench.py [--minutes N] [--seed N]

        charter --- router ~~~ clients     "a": clients learn the default by the lossy links
            att --- b ~~~~~~'  `--- lan    "b": the lossy link is the way to the other exit, probed
                                           "c": for comparison, charter loses, the only line there

Lost are 10, 20, 30 or 40 % of all frames, each way, another share every 30 s.  Every place,
profile and metric has an office of its own; all run at the same time.  What became of the kernels'
defaults and of the host's addresses is told by `ip monitor`, the lines' states by the log.  Nothing
is judged.  Central: Office, observe().
"""

import argparse
import contextlib
import dataclasses
import datetime
import itertools
import os
import pathlib
import re
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from lab import Frr, Lab, loss, plan, wait_for  # noqa: E402
from lab.stage import own_table_names  # noqa: E402

STEP_SECONDS = 30
_OSPF_LINK = ("area 0", "network point-to-point")
_USED = ("init", "up", "degraded")
CHARTER, ATT = plan.LINES
EXITS = {"charter": "router", "att": "b"}
PLACES = {"a": "the clients'", "b": "the way to the other exit", "c": "the only line"}
PROFILES = ("default", "fast")
METRICS = ("fixed 0", "quality")


@dataclasses.dataclass(frozen=True)
class Client:
    """A router that learns the default; `timers` are those of both ends of its link."""

    role: str
    daemon: str
    protocol: str
    timers: tuple

    @property
    def name(self):
        return f"{self.protocol}, {', '.join(self.timers)}"

    def interface(self, peer):
        """One end of its link, as it is typed."""
        words, always = ("babel", ()) if self.daemon == "babeld" else ("ip ospf", _OSPF_LINK)
        typed = [f"{words} {each}" for each in (*always, *self.timers)]
        return "\n".join([f"interface {peer}", *typed, ""])


def _ospf(role, *timers):
    return Client(role, "ospfd", "OSPF", timers)


def _babel(role, *timers):
    return Client(role, "babeld", "Babel", timers)


CLIENTS = (
    _ospf("c1", "hello-interval 10", "dead-interval 40"),
    _ospf("c2", "hello-interval 1", "dead-interval 3", "retransmit-interval 1"),
    _ospf("c3", "hello-interval 1", "dead-interval 20", "retransmit-interval 1"),
    _babel("c4", "wired", "hello-interval 1000", "update-interval 300"),
    _babel("c5", "wireless", "hello-interval 1000", "update-interval 300"),
    _babel("c6", "wireless"),
)


class Office(Lab):
    """The router with charter; behind lossy links its clients, or the exit with att."""

    ROLES = ("router", "lan", "b", *(client.role for client in CLIENTS))

    def __init__(self, ledger):
        super().__init__(ledger)
        self.lossy = []  # (role, device): the ends of the lossy links

    def customer(self, line):
        return self[EXITS[line.name]]

    def _build_router(self):
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
        for number, role in enumerate(("b", *(client.role for client in CLIENTS)), 1):
            self._veth(self.router, f"to-{role}", self[role], "to-router")
            self.lossy += [("router", f"to-{role}"), (role, "to-router")]
            for end, (near, device) in enumerate(self.lossy[-2:], 1):
                self[near].batch(
                    [
                        f"link set {device} up",
                        f"addr add 10.1.{number}.{end}/24 dev {device}",
                        f"addr add fd00:{number}::{end}/64 dev {device} nodad",
                    ]
                )
        self._veth(self.router, "to-lan", self["lan"], "eth0")
        self["lan"].sysctl(net__ipv6__conf__eth0__accept_ra=1)
        self["lan"].batch(["link set eth0 up"])
        self.router.batch(
            ["link set to-lan up"]
            + [f"addr add {line.lan6[1]}/64 dev to-lan nodad" for line in self.lines]
        )
        self["b"].batch([f"route add {ATT.delegated6} via fd00:1::1"])

    def lose_inside(self, percent):
        for role, device in self.lossy:
            self[role].nft(loss.ruleset(device, percent))


# -- what the routers are told ------------------------------------------------------------------


def _uplink(line, profile):
    target = list(plan.LINES).index(line)
    return f"""
        uplink {line.name}
        interface {line.interface}
        ip gateway {line.gateway4}
        ipv6 gateway {line.gateway6}
        ipv6 source {line.delegated6}
        probe profile {profile}
        probe icmp {plan.TARGETS4[target]}
        probe icmp {plan.TARGETS6[target]}
        exit
    """


def _way_to_the_other(profile):
    return f"""
        uplink theirs
        ipv6 gateway router fd00:1::2
        ipv6 source {ATT.delegated6}
        probe profile {profile}
        probe icmp {plan.TARGETS6[1]}
        exit
    """


def _protocols():
    return """
        router ospf
        default-information originate
        exit
        router babel
        redistribute ipv4 openfabric
        {networks}
        exit
        {interfaces}
    """.format(
        networks="\n".join(f"network to-{c.role}" for c in CLIENTS if c.daemon == "babeld"),
        interfaces="".join(f"{c.interface(f'to-{c.role}')}exit\n" for c in CLIENTS),
    )


def _client(client):
    process = "ospf" if client.daemon == "ospfd" else "babel\nnetwork to-router"
    return f"router {process}\nexit\n{client.interface('to-router')}exit\n"


def _start(lab, stack, role, daemons, text):
    """FRR at a role; babeld has to know its interfaces before it is told of them."""
    frr = Frr(lab, role)
    stack.callback(frr.stop_all)
    frr.start_zebra(with_module="multihomed" in daemons)
    for daemon in daemons:
        frr.start_multihomed() if daemon == "multihomed" else frr.start(daemon)
    if "babeld" in daemons:
        known = "to-b" if role == "router" else "to-router"
        wait_for(lambda: f"{known} is up" in frr.vtysh("show babel interface"))
    frr.load(text)
    return frr


# -- looking ------------------------------------------------------------------------------------


class Monitor:
    """`ip monitor` with the time of each line."""

    def __init__(self, lab, role, *what):
        self._log = lab.log(f"monitor-{role}-{what[-1]}")
        argv = ["ip", "-n", lab[role].name, "-o", "-ts", *what]
        lab.ledger.spawn(argv, self._log)

    def lines(self):
        """(seconds, words)"""
        for line in self._log.read_text().splitlines():
            stamp, _, rest = line.partition("] ")
            yield datetime.datetime.fromisoformat(stamp.strip("[")).timestamp(), rest.split()


def of_default(lines):
    """(seconds, whether it leads anywhere) of main's default: `unreachable` does not."""
    for when, words in lines:
        if "default" in words[:3] and "table" not in words:
            yield when, words[0] == "default"


def absences(events, end):
    """How long the default was away, each time that it was."""
    gone = None
    for when, present in events:
        if not present:
            gone = gone or when
        elif gone:
            yield when - gone
            gone = None
    if gone:
        yield end - gone


def told_of_theirs(lines):
    """How often that changes: whether the host may begin with its address of att's prefix."""
    states = [True]
    for _, words in lines:
        if any(word.startswith(str(ATT.lan6[0])[:-1]) for word in words):
            states.append("0sec" not in words)  # of preferred_lft
    return changes(states)


def told_of_router(lines):
    """How often that changes: whether the host may take ours for its default router."""
    return changes([True, *(present for _, present in of_default(lines))])


def changes(values):
    return sum(one != other for one, other in zip(values, values[1:]))


class Watched:
    """One office that runs, and what is looked at."""

    def __init__(self, stack, place, profile, metric, number):
        self.place, self.profile, self.metric = place, profile, metric
        self.lab = stack.enter_context(Office.create(f"{os.getpid()}n{number}"))
        self.clients = CLIENTS if place == "a" else ()
        daemons = ["multihomed"] + (["ospfd", "babeld"] if self.clients else [])
        text = f"router multihome\nannounce metric {metric}\nipv6 advertise to-lan\nexit\n"
        text += _uplink(CHARTER, profile) + (_way_to_the_other(profile) if place == "b" else "")
        text += "exit\n" + (_protocols() if place == "a" else "")
        self.frr = _start(self.lab, stack, "router", daemons, text)
        if place == "b":
            own = f"router multihome\n{_uplink(ATT, profile)}exit\n"
            _start(self.lab, stack, "b", ["multihomed"], own)
        for client in self.clients:
            _start(self.lab, stack, client.role, [client.daemon], _client(client))

    def wait_ready(self):
        wait_for(self._is_ready, 120, what=f"all is well in {self.lab.name}", interval=0.5)

    def _is_ready(self):
        lines = self.frr.shown()["lines"]
        clients = [self.lab[c.role].ip("route", "show", "default") for c in self.clients]
        return all(line["state"] == "up" for line in lines) and all(clients)

    def begin(self):
        """Watch, and send something by every link."""
        self.own = Monitor(self.lab, "router", "monitor", "route")
        self.addresses = Monitor(self.lab, "lan", "-6", "monitor", "address")
        self.routers = Monitor(self.lab, "lan", "-6", "monitor", "route")
        self.theirs = {c.role: Monitor(self.lab, c.role, "monitor", "route") for c in self.clients}
        for role in ("lan", *self.theirs):
            target = plan.INTERNET6 if role == "lan" else plan.INTERNET4
            ping = self.lab[role].argv(["ping", "-q", "-n", "-i", "0.2", target])
            self.lab.ledger.spawn(ping, self.lab.log(f"ping-{role}"))
        self._said = len(self.frr.log_text("multihomed"))

    def lose(self, percent):
        if self.place == "c":
            self.lab.lose(CHARTER, percent)
        else:
            self.lab.lose_inside(percent)

    def states(self):
        """What every line became, and when it began or ceased to be used, from the log."""
        text = self.frr.log_text("multihomed")[self._said :]
        found = re.findall(r"uplink \w+ ipv[46]: (\S+) -> (\S+):", text)
        used = [(one in _USED) != (other in _USED) for one, other in found]
        return len(found), sum(used)

    def row(self, hours):
        events = list(of_default(self.own.lines()))
        gone = sum(not present for _, present in events)
        told = told_of_theirs(self.addresses.lines()) + told_of_router(self.routers.lines())
        figures = [gone, len(events) - gone, *self.states(), told]
        cells = [f"{figure / hours:.0f}" for figure in figures]
        return [PLACES[self.place], self.profile, self.metric, *cells]

    def absences(self, client, end):
        return list(absences(of_default(self.theirs[client.role].lines()), end))


# -- the run ------------------------------------------------------------------------------------


def rest(until):
    wait_for(lambda: time.monotonic() >= until, until - time.monotonic() + 5)


def observe(offices, minutes, seed):
    """Let all of them lose for so long."""
    for office in offices:
        office.wait_ready()
    for office in offices:
        office.begin()
    end, steps = time.monotonic() + 60 * minutes, loss.steps(seed)
    while (now := time.monotonic()) < end:
        percent = next(steps)
        for office in offices:
            office.lose(percent)
        rest(min(now + STEP_SECONDS, end))


def client_row(client, offices, hours, end):
    """Of all offices that have it."""
    having = [office for office in offices if client in office.clients]
    away = [time for office in having for time in office.absences(client, end)]
    hours *= len(having)
    cells = [f"{len(away) / hours:.0f}", f"{sum(away) / hours:.0f}", f"{max(away, default=0):.1f}"]
    return [client.name, *cells]


def print_table(head, rows):
    print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for cells in rows:
        print(f"| {' | '.join(cells)} |")
    print(flush=True)


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--minutes", type=float, default=15)
    options.add_argument("--seed", type=int, default=1, help="of the order of the losses")
    options = options.parse_args()
    hours = options.minutes / 60
    with contextlib.ExitStack() as stack:
        kinds = itertools.product(PLACES, PROFILES, METRICS)
        offices = [Watched(stack, *kind, number) for number, kind in enumerate(kinds)]
        observe(offices, options.minutes, options.seed)
        end = time.time()
        print(f"{options.minutes:g} minutes, seed {options.seed}; figures are per hour\n")
        head = ["lossy is", "profile", "metric", "default gone", "default changed"]
        head += ["states of lines", "of these, used or not", "hosts told anew"]
        print_table(head, [office.row(hours) for office in offices])
        head = ["client", "default gone", "seconds without", "longest, s"]
        print_table(head, [client_row(client, offices, hours, end) for client in CLIENTS])


if __name__ == "__main__":
    main()
