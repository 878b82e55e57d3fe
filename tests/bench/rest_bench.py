#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What the daemon costs when nothing happens: many lines, many targets, all of them well.

    MULTIHOME_BUILD=build tests/bench/rest_bench.py [--uplinks N ...] [--targets N] [--rounds N]

A benchmark, not a test.  The share of one processor that the whole process takes (probes, the looks
at forwarded traffic, the event loop, its second thread), with the default interval of 200 ms.  A
veth delivers, and the other end answers, within the call that sends: unless told to leave that to
another processor, as a real interface does.  The daemon is kept on the first one.  Central:
measure().
"""

import argparse
import os
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from apply_bench import Office, Vty, networks, spread, until  # noqa: E402
from lab.frr import Frr  # noqa: E402

_ROUND_S = 10


def configuration(count, targets):
    lines = ["router multihome"]
    for i in range(count):
        net = networks(i)[0]
        lines += [f" uplink line{i}", f"  interface u{i}", f"  ip gateway {net}1"]
        lines += [f"  probe icmp 203.0.113.{t + 1}" for t in range(targets)]
        lines.append(" exit")
    return "\n".join([*lines, "exit"]) + "\n"


def answer_elsewhere(office):
    """Receive packet steering (Documentation/networking/scaling.rst)."""
    office.far.run(
        "sh", "-c", "for queue in /sys/class/net/p*/queues/rx-0/rps_cpus; do echo 2 > $queue; done"
    )


def processor_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(count, targets, rounds):
    office = Office(count)
    office.far.batch(f"addr add 203.0.113.{t + 1}/32 dev lo" for t in range(targets))
    frr = Frr(office)
    shares = []
    try:
        frr.start_zebra(True, "--v6-rr-semantics", "-K", "60")
        frr.start_multihomed()
        frr.load(configuration(count, targets))
        os.sched_setaffinity(frr.pid("multihomed"), {0})
        answer_elsewhere(office)
        vty = Vty(frr)
        until(lambda: vty.ask("show multihome uplink").count(" up ") >= count, "all lines are up")
        for _ in range(rounds):
            before, began = processor_seconds(frr.pid("multihomed")), time.monotonic()
            time.sleep(_ROUND_S)
            spent = processor_seconds(frr.pid("multihomed")) - before
            shares.append(100 * spent / (time.monotonic() - began))
        frr.stop_all()
    finally:
        office.close()
    return shares


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--uplinks", type=int, nargs="+", default=[2, 64])
    options.add_argument("--targets", type=int, default=8)
    options.add_argument("--rounds", type=int, default=5)
    options = options.parse_args()
    print("| lines | probes a second | processor, % |\n|---|---|---|")
    for count in options.uplinks:
        shares = measure(count, options.targets, options.rounds)
        print(f"| {count} | {count * options.targets * 5} | {spread(shares, 2)} |")


if __name__ == "__main__":
    main()
