# SPDX-License-Identifier: GPL-2.0-or-later
"""The demonstration: the small office with two cheap ISPs, and three ways to lose the better one.

Called by demo.sh, which has built everything.  Builds the lab, starts zebra with the module,
multihomed and the real vtysh, lets traffic flow, then breaks the preferred line and heals it, again
and again, and ends with a table.  Exit status 0 only if every promise held in every trial: see
Outcome.failures(), too_slow() and LIMITS_MS.
"""

import argparse
import signal
import statistics
import sys
import time

from . import drivers, plan
from .frr import vtysh_binary
from .ledger import LabBusy, Ledger
from .topology import BLACKHOLE, CABLE, SILENT, Lab
from .trial import Traffic, run_trial, too_slow

NAME = "demo"
LIMITS_MS = {CABLE: 15.0, SILENT: 1500.0, BLACKHOLE: 1500.0}
# What each fault is to a reader who sees it for the first time.
STORY = {
    CABLE: "the router's end loses its carrier",
    SILENT: "carrier stays, the gateway answers nothing, not even ARP",
    BLACKHOLE: "the gateway answers, nothing comes back from beyond it",
}
HEADER = (
    "fault",
    "silent, ms",
    "new conn., ms",
    "return, ms",
    "machine, ms",
    "wrong src",
    "private src",
    "verdict",
)
DRIVERS = {
    "multihomed": drivers.Multihomed,
    "stock": lambda: drivers.Multihomed(with_module=False),
    "kernel": drivers.KernelAlone,
    "static": drivers.FrrStatic,
}

_begun = time.monotonic()


def say(text=""):
    for line in text.splitlines() or [""]:
        print(f"[{time.monotonic() - _begun:6.1f} s] {line}", flush=True)


def show(driver, *commands):
    """Print what vtysh says, if this driver has a vtysh."""
    if isinstance(driver, drivers.Multihomed):
        for command in commands:
            print(f"\nrouter# {command}\n{driver.frr.vtysh(command).rstrip()}\n", flush=True)


def run_fault(traffic, driver, fault, rounds):
    """All trials of one fault; the first one is shown."""
    line = traffic.lab.lines[0]
    say(f"{line.name}: {fault} - {STORY[fault]}")
    outcomes = []
    for number in range(rounds):
        first = number == 0
        outcome = run_trial(
            traffic,
            fault,
            on_failed_over=(lambda: show(driver, "show multihome")) if first else None,
        )
        outcomes.append(outcome)
        back = f"returned after {outcome.return_ms / 1000:.1f} s" if outcome.return_ms else "stayed"
        say(
            f"  {number + 1}/{rounds}: silent for {outcome.failover}, "
            f"new connections after {outcome.new_connections}; healed: {back}, "
            f"gap {outcome.failback or '-'}"
        )
        for failure in outcome.failures():
            say(f"      FAILED: {failure}")
    for failure in too_slow(outcomes, LIMITS_MS[fault]):
        say(f"  FAILED, by median: {failure}")
    return outcomes


def spread(gaps):
    """Median and range of some gaps, in ms."""
    values = [gap.ms for gap in gaps if gap is not None]
    if len(values) < len(gaps):
        return "never"
    return f"{statistics.median(values):.1f} ({min(values):.1f}-{max(values):.1f})"


def table(results):
    """The closing table; returns whether everything held."""
    rows, all_held = [HEADER], True
    for fault, outcomes in results.items():
        slow = too_slow(outcomes, LIMITS_MS[fault])
        held = not slow and not any(outcome.failures() for outcome in outcomes)
        all_held = all_held and held
        counts = {"wrong": 0, "private": 0}
        for outcome in outcomes:
            for (_, kind), packets in outcome.spoofed.items():
                counts[kind.rstrip("46")] += packets
        rows.append(
            (
                fault,
                spread([o.failover for o in outcomes]),
                spread([o.new_connections for o in outcomes]),
                spread([o.failback for o in outcomes]),
                spread([o.machine for o in outcomes]),
                str(counts["wrong"]),
                str(counts["private"]),
                "ok" if held else "FAILED",
            )
        )
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEADER))]
    print()
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
    return all_held


def explain_keep(lab, driver):
    """How to look around in a lab that stays."""
    print(f"\nThe lab stays, its traffic has ended. Namespaces mh{lab.name}-*.")
    print(f"  logs:       {lab.log_directory}")
    if isinstance(driver, (drivers.Multihomed, drivers.FrrStatic)):
        vtysh = f"{vtysh_binary()} -N {driver.frr.pathspace}"
        print(f"  vtysh:      ip netns exec {lab.router} {vtysh}")
    print(f"  LAN host:   ip netns exec {lab['lan']} ping {plan.INTERNET4}")
    print(f"  pull/plug:  ip -n {lab.provider('charter')} link set cust-port down   (up)")
    print("  remove:     ./demo.sh --clean")


def run(options):
    driver = DRIVERS[options.driver]()
    with Lab.create(NAME) as lab:
        say(f"the office is up: LAN, router, 2 providers, Internet; router: {driver.name}")
        driver.start(lab)
        traffic = Traffic(lab, driver)
        traffic.wait_flowing()
        lab.reset_counters()
        say("traffic flows: UDP every 2 ms, TCP, new connections every 20 ms, IPv4 and IPv6")
        show(driver, "show running-config", "show multihome")
        results = {f: run_fault(traffic, driver, f, options.rounds) for f in LIMITS_MS}
        show(driver, "show multihome")
        held = table(results)
        limits = ", ".join(f"{fault} {limit:g} ms" for fault, limit in LIMITS_MS.items())
        print(
            f"\nMedian and range of {options.rounds} trials each. Allowed, by median: {limits}; "
            "return 20 ms.\nIn each trial: no foreign source at a provider, no flow of the healthy "
            "line broken, one move and one return.\nmachine: the longest silence of a flow inside, "
            "which crosses no line, in the same trial: the machine's doing.\nThe verdict counts "
            "only time in which the machine ran, to within a quarter of that."
        )
        say("everything held" if held else "FAILED, see above")
        if options.keep:
            traffic.stop()  # its records grow by gigabytes a day, in memory
            explain_keep(lab, driver)
            lab.keep()
        return 0 if held else 1


def main():
    parser = argparse.ArgumentParser(prog="demo.sh", description="two lines, one connection")
    parser.add_argument("--keep", action="store_true", help="leave the lab running")
    parser.add_argument("--clean", action="store_true", help="remove every trace of the demo")
    parser.add_argument("--rounds", type=int, default=5, help="trials of each fault (5)")
    parser.add_argument("--driver", choices=DRIVERS, default="multihomed", help=argparse.SUPPRESS)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGHUP, lambda *_: sys.exit(129))
    try:
        if options.clean:
            Ledger.claim(NAME).release()
            print("demo: nothing is left")
            return 0
        return run(options)
    except LabBusy:
        print("demo: another run is under way", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
