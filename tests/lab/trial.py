# SPDX-License-Identifier: GPL-2.0-or-later
"""One trial: a line fails and comes back while traffic of every kind flows, and what that cost.

The demo and the failover benchmark ask the same questions, of whatever drives the router: how long
was the long-lived NATed flow silent, when did new connections work, was the healthy line touched,
did the return cost anything, how often did traffic move, what did the providers have to drop.

A flow inside the office, which crosses the router and no line, tells what the machine itself did to
every flow in the same time (a busy or virtual machine stands still for tens of milliseconds): that
is shown, and speed is judged without it.  Central: Traffic and run_trial().
"""

import contextlib
import dataclasses
import errno
import statistics

from . import drivers, plan
from .meters import Connector, Flow, Gap, RunningTime, Server
from .netns import now_ns
from .topology import CABLE
from .waiting import Timeout, stays, wait_for

# A flow that was touched is silent for longer.
_HICCUP_MS = 50.0
_SETTLE_S = 0.5  # after a move: time in which it must not be taken back


def lines_of(flow, since):
    """The lines by which a flow was echoed after `since`."""
    return {plan.line_of(source) for source in flow.sources(since)}


def begins_by(connector, line):
    """Wait until what is begun now leaves by this line; returns when."""

    def newest():
        good = connector.successes(now_ns() - 300_000_000)
        return good and plan.line_of(good[-1][2]) is line

    wait_for(newest, 20, what=f"new connections leave by {line.name}")
    return now_ns()


@contextlib.contextmanager
def running_office(lab, **options):
    """The driver of an office with the Internet's server; unless told, lines come back soon."""
    soon = drivers.office_configuration(lab, ["probe stable-for 300"])
    driver = drivers.Multihomed(**{"configuration": soon, **options}).start(lab)
    server = Server(lab)
    yield driver
    server.stop()
    driver.stop()


def lose_cable(lab, driver, connector):
    """Pull the preferred line's cable, as its first failure; (when, when connections had moved)."""
    preferred, other = lab.lines
    driver.forgive(preferred)
    broken = lab.break_line(preferred, CABLE)
    return broken.at, begins_by(connector, other)


def translate_prefixes(driver):
    """NPTv6 for the ULAs, by either line."""
    driver.frr.change("internal fd5a:1b2c:3d4e::/48")
    for name, prefix in plan.OUTSIDE6.items():
        driver.frr.change(f"uplink {name}", f"ipv6 nat prefix {prefix} inside {plan.ULA6}")
    wait_for(lambda: driver.frr.shown("nat")["state"] == "installed", what="the prefixes stand")


class Traffic:
    """The meters of one lab, started once and running through all trials.

    Flows of the other line only make sense where the driver steers by source.  The NATed flow sends
    every `interval_us`, which is how exactly its silence can be told.  `ula`: what is translated is
    IPv6 (NPTv6), from the host's ULA.
    """

    def __init__(self, lab, driver, interval_us=None, ula=False):
        preferred = lab.lines[0]
        self.lab = lab
        self.driver = driver
        self.interval_us = interval_us
        self._to = plan.INTERNET6 if ula else plan.INTERNET4
        self._bind = plan.LAN6_HOST if ula else None
        self.server = Server(lab)
        inside = lab.lines[1].server(4)
        self._servers = [self.server, Server(lab, role="srv", addresses=[inside])]
        self.inside = Flow(lab, "udp", inside, name="udp4-inside")
        self.nat = self._nat_flow()
        self.new = Connector(lab, self._to, bind=self._bind, name="tcp-new")
        self.on_preferred = Flow(
            lab, "udp", plan.INTERNET6, bind=preferred.lan_host6(), name="udp6-preferred"
        )
        self.healthy = self._flows_by_other() if driver.steers_by_source else {}

    def _nat_flow(self):
        return Flow(
            self.lab, "udp", self._to, bind=self._bind, interval_us=self.interval_us, name="udp-nat"
        )

    def renew(self):
        """Begin the NATed flow anew if it has stayed on the other line, and wait until all flow."""
        if not self.flows_by(self.lab.lines[0], now_ns() - 200_000_000):
            self.nat.stop()
            self.nat = self._nat_flow()
        self.wait_flowing()

    def _flows_by_other(self):
        lab, other = self.lab, self.lab.lines[1]
        return {
            "UDP IPv6 from the other line's prefix": Flow(
                lab, "udp", plan.INTERNET6, bind=other.lan_host6(), name="udp6-other"
            ),
            "TCP IPv6 from the other line's prefix": Flow(
                lab, "tcp", plan.INTERNET6, bind=other.lan_host6(), name="tcp6-other"
            ),
            "TCP inbound to a server by the other line": Flow(
                lab, "tcp", other.server(4), role="internet", bind=plan.INTERNET4, name="tcp4-in"
            ),
        }

    def stop(self):
        """End every meter."""
        for meter in (self.inside, self.nat, self.new, self.on_preferred, *self.healthy.values()):
            meter.stop()
        for server in self._servers:
            server.stop()

    def wait_flowing(self, timeout=15.0):
        begun = now_ns()
        for flow in (self.inside, self.nat, self.on_preferred, *self.healthy.values()):
            flow.wait_flowing(begun, timeout)
        self.new.wait_working(begun, timeout)

    def moves(self, start, end=None):
        """The lines that new connections moved to within the window, in order."""
        lines, last = [], self.lab.lines[0]
        for _, _, source in self.new.successes(start, end):
            line = plan.line_of(source)
            if line is not last:
                lines.append(line.name if line else source)
            last = line
        return lines

    def begins_by(self, line, since):
        """When the first connection after `since` was begun that left by this line, or None."""
        return next(
            (begun for begun, _, source in self.new.successes(since)
             if plan.line_of(source) is line), None
        )

    def flows_by(self, line, since):
        """Whether the NATed flow was echoed by this line after `since`."""
        return any(plan.line_of(source) is line for source in self.nat.sources(since))


@dataclasses.dataclass
class Outcome:
    """What one trial cost.  Gaps in the sense of meters.Gap."""

    fault: str
    failover: Gap  # of the NATed UDP flow
    new_connections: Gap
    failback: Gap | None  # of the NATed flow, at the return; None: never left, or never returned
    return_ms: float | None  # from the heal to the first new connection by the preferred line
    kept: Gap  # at the return, of a NATed TCP flow begun on the other line
    kept_broken: bool
    healthy: dict  # flow on the other line -> its Gap
    healthy_broken: list  # TCP flows on the other line that broke
    moves: list
    spoofed: dict  # (line, counter) -> packets dropped by the providers
    machine: Gap  # of the flow inside, over the whole trial
    running: dict  # the gaps above in the time in which the machine ran, in ms

    def failures(self):
        """Every promise that this trial broke whatever the speed, in words; none if all held."""
        broken = []
        if self.failover.is_open and self.running["failover"] > _HICCUP_MS:
            broken.append(f"NATed flow silent for {self.failover}")
        if self.new_connections.is_open and self.running["new connections"] > 2 * _HICCUP_MS:
            broken.append(f"no new connections for {self.new_connections}")
        if self.failback is None:
            broken.append("did not leave the preferred line and return to it")
        if self.kept_broken:
            broken.append("the return broke a TCP connection")
        broken += [f"healthy line touched: {name} broke" for name in self.healthy_broken]
        if len(self.moves) != 2:
            broken.append(f"moved {len(self.moves)} times: {' '.join(self.moves) or '-'}")
        broken += [f"{kind} at {line}: {n} packets" for (line, kind), n in self.spoofed.items()]
        return broken


def too_slow(outcomes, limit_ms, return_limit_ms=20.0):
    """What the trials of one fault broke of the promises of speed, by median, in words.

    The flow that tells when the machine ran wakes late itself: a quarter of its longest silence is
    what that can do.  Next to nothing on a quiet machine.
    """
    blur = statistics.median(outcome.machine.ms for outcome in outcomes) / 4
    limits = dict.fromkeys(outcomes[0].running, _HICCUP_MS)
    # A connection is begun every 20 ms, which is how exactly its gap can be told.
    limits |= {"failover": limit_ms, "new connections": limit_ms + 40, "return": return_limit_ms}
    medians = {
        name: statistics.median(outcome.running[name] for outcome in outcomes) for name in limits
    }
    return [
        f"{name}: {medians[name]:.1f} ms, allowed {limit + blur:.0f} ms"
        for name, limit in limits.items()
        if medians[name] > limit + blur
    ]


def run_trial(traffic, fault, patience_s=10.0, return_patience_s=30.0, on_failed_over=None):
    """Break the preferred line, wait, heal it, wait; returns the Outcome.

    `on_failed_over` is called while the line is down and traffic has settled elsewhere.
    """
    lab = traffic.lab
    preferred, other = lab.lines
    traffic.renew()
    traffic.driver.forgive(preferred)  # trials follow each other faster than failures of real lines
    lab.reset_counters()
    broken = lab.break_line(preferred, fault)
    has_left = _wait(lambda: traffic.flows_by(other, broken.at), patience_s)
    _wait(lambda: traffic.new.successes(now_ns() - 200_000_000), patience_s)
    _keep_for(_SETTLE_S)
    left = now_ns()
    failover = traffic.nat.gap(broken.at, left)
    new_connections = traffic.new.gap(broken.at, left)
    if on_failed_over:
        on_failed_over()
    kept = Flow(lab, "tcp", plan.INTERNET4, name="tcp4-kept")
    _wait(lambda: kept.wait_flowing(), patience_s)
    healed = lab.heal(preferred)
    is_back = _wait(lambda: traffic.begins_by(preferred, healed.at), return_patience_s)
    _keep_for(_SETTLE_S)
    end = now_ns()
    back = traffic.begins_by(preferred, healed.at)
    kept_gap = kept.gap(healed.at, end)
    kept.stop()
    return Outcome(
        fault=fault,
        failover=failover,
        new_connections=new_connections,
        failback=traffic.nat.gap(healed.at, end) if has_left and is_back else None,
        return_ms=(back - healed.at) / 1e6 if back else None,
        kept=kept_gap,
        kept_broken=bool(kept.broken),
        healthy={
            name: flow.gap(broken.at, end)
            for name, flow in traffic.healthy.items()
            if flow.kind == "udp"
        },
        healthy_broken=[
            f"{name} ({errno.errorcode.get(flow.broken[1], flow.broken[1])})"
            for name, flow in traffic.healthy.items()
            if flow.refresh() or flow.broken
        ],
        # a failover may be over before the fault has been noted down
        moves=traffic.moves(broken.before, end),
        spoofed=lab.spoofed(),
        machine=traffic.inside.gap(broken.at, end),
        running=_running(traffic, broken.at, left, healed.at, end),
    )


def _running(traffic, broken, left, healed, end):
    """What was promised to be short, in ms of RunningTime."""
    traffic.inside.refresh()
    time = RunningTime(traffic.inside.times)
    gaps = {
        "failover": traffic.nat.gap(broken, left, time),
        "new connections": traffic.new.gap(broken, left, time),
        "return": traffic.nat.gap(healed, end, time),
    }
    for name, flow in traffic.healthy.items():
        if flow.kind == "udp":
            gaps[name] = flow.gap(broken, end, time)
    return {name: gap.ms for name, gap in gaps.items()}


def _wait(condition, seconds):
    try:
        return bool(wait_for(condition, seconds))
    except Timeout:
        return False


def _keep_for(seconds):
    """Let the meters go on: what follows is measured, not waited for."""
    stays(lambda: True, seconds)
