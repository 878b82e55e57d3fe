#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""How soon a dead line is left, by probe profile, with and without traffic on the line.

    MULTIHOME_BUILD=build tests/bench/notice_bench.py [--rounds N] [--metered-rounds N]

A benchmark, not a test.  With traffic: the silence of a long-lived NATed UDP flow of 2,000 packets
a second, and the time until new connections work; with NPTv6 the same from the host's ULA.  Idle:
the time from the fault to the change of state, by the daemon's own account; nothing but probes is
on the line then.  A flow inside tells when the machine ran.  For `metered` also the bytes that an
idle line costs, counted on its packets and scaled to a day.  Central: with_traffic() and idle().
"""

import argparse
import json
import pathlib
import random
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from failover_bench import spread  # noqa: E402
from lab import BLACKHOLE, CABLE, SILENT, Lab, drivers, now_ns, plan, wait_for  # noqa: E402
from lab.trial import Traffic, run_trial, translate_prefixes  # noqa: E402

_DAY_S = 86_400


def configuration(lab, profile, targets=2):
    """The office with one profile, which takes a line back soon."""
    text = drivers.office_configuration(
        lab, [f"probe profile {profile}", "probe stable-for 1000"]
    ).splitlines()
    surplus = [f"probe icmp {t[1]}" for t in (plan.TARGETS4, plan.TARGETS6)] if targets == 1 else []
    return "\n".join(line for line in text if line.strip() not in surplus)


def started(lab, profile, targets=2):
    return drivers.Multihomed(configuration=configuration(lab, profile, targets)).start(lab)


def with_traffic(profile, faults, rounds, ula):
    """{fault: [Outcome]}"""
    with Lab.create() as lab:
        driver = started(lab, profile)
        if ula:
            translate_prefixes(driver)
        traffic = Traffic(lab, driver, interval_us=500, ula=ula)
        traffic.wait_flowing()
        outcomes = {f: [run_trial(traffic, f) for _ in range(rounds)] for f in faults}
        driver.stop()
        return outcomes


def shown(driver, line):
    return driver.frr.shown(f"uplink {line.name}")["uplinks"][0]


def line_state(driver, line, family):
    lines = shown(driver, line)["lines"]
    [state] = [d["line"] for d in lines if d["line"]["family"] == family]
    return state


def noticed_ms(driver, line, since, patience):
    """From `since` to the moment at which the IPv4 line became down."""
    wait_for(lambda: line_state(driver, line, "ipv4")["state"] == "down", patience, what="down")
    before = now_ns()
    seconds = line_state(driver, line, "ipv4")["seconds"]
    return (now_ns() + before) / 2e6 - seconds * 1000 - since / 1e6


_COUNT = """
table inet metered {
    counter probes { }
    chain out { type filter hook output priority 0;
        oifname "%(interface)s" icmp type echo-request counter name probes
        oifname "%(interface)s" icmpv6 type echo-request counter name probes
    }
    chain in { type filter hook input priority 0;
        iifname "%(interface)s" icmp type echo-reply counter name probes
        iifname "%(interface)s" icmpv6 type echo-reply counter name probes
    }
}
"""


def probe_bytes(lab):
    """Of IP packets, both directions."""
    listing = json.loads(lab.router.run(*"nft -j list counters table inet metered".split()))
    [counter] = [entry["counter"] for entry in listing["nftables"] if "counter" in entry]
    return counter["bytes"]


def probe_interval_s(driver, line):
    """Of the built-in profiles."""
    return {"default": 0.2, "fast": 0.02, "metered": 16}[shown(driver, line)["profile"]]


def idle(profile, rounds, patience, targets=2):
    """[ms until noticed] of a blackhole on an idle line, and the bytes a day of an idle line."""
    with Lab.create() as lab:
        driver = started(lab, profile, targets)
        line = lab.lines[0]
        spare = lab.lines[1]
        lab.router.nft(_COUNT % {"interface": spare.interface})
        begun = time.monotonic()
        noticed = []
        for _ in range(rounds):
            wait_for(lambda: line_state(driver, line, "ipv4")["state"] == "up", 120, what="up")
            driver.forgive(line)
            # Faults do not wait for a probe: break it at any point of the interval.
            until = time.monotonic() + random.uniform(0, probe_interval_s(driver, line))
            wait_for(lambda moment=until: time.monotonic() >= moment, 60)
            broken = lab.break_line(line, BLACKHOLE)
            noticed.append(noticed_ms(driver, line, broken.at, patience))
            lab.heal(line)
        a_day = probe_bytes(lab) / (time.monotonic() - begun) * _DAY_S
        driver.stop()
        return noticed, a_day


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=10, help="trials of each fault")
    options.add_argument("--metered-rounds", type=int, default=5, help="of profile metered")
    options = options.parse_args()
    print("| profile | line | fault | silent ms | of it while the machine ran | new connections ms "
          "| a flow that crosses no line | foreign sources |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|")
    for profile, ula in (("default", False), ("fast", False), ("default", True)):
        for fault, outcomes in with_traffic(
            profile, (CABLE, SILENT, BLACKHOLE), options.rounds, ula
        ).items():
            silent = spread([o.failover.ms for o in outcomes])
            new = spread([o.new_connections.ms for o in outcomes])
            ran = spread([o.running["failover"] for o in outcomes])
            machine = spread([o.machine.ms for o in outcomes])
            wrong = sum(sum(o.spoofed.values()) for o in outcomes)
            line = "NPTv6, with traffic" if ula else "with traffic"
            print(f"| {profile} | {line} | {fault} | {silent} | {ran} | {new} | {machine} "
                  f"| {wrong} |", flush=True)  # fmt: skip
    for profile in ("default", "fast"):
        noticed, _ = idle(profile, options.rounds, 10)
        print(f"| {profile} | idle | {BLACKHOLE} | {spread(noticed)} | - | - | - | - |", flush=True)
    noticed, a_day = idle("metered", options.metered_rounds, 60, targets=1)
    print(f"| metered | idle | {BLACKHOLE} | {spread(noticed)} | - | - | - | - |", flush=True)
    print(f"\nmetered, one target of each family: {a_day / 1e6:.2f} MB a day, both directions, on "
          "an idle line", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
