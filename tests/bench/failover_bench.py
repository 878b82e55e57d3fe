#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Failover in the lab: multihomed against the kernel alone and FRR's static routes, in one run.

    MULTIHOME_BUILD=build tests/bench/failover_bench.py [--rounds N]

A benchmark, not a test: it prints medians and ranges and judges nothing.  Every driver gets a lab
of its own, one after the other.  A fault that a driver never notices is given up after --patience
seconds, its return after twice that, and printed as "never".  Central: measure().
"""

import argparse
import pathlib
import statistics
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from lab import FAULTS, Lab, drivers  # noqa: E402
from lab.trial import Traffic, run_trial  # noqa: E402

_DRIVERS = {
    "kernel alone + masquerade": drivers.KernelAlone,
    "FRR static + masquerade": drivers.FrrStatic,
    "multihomed": drivers.Multihomed,
    "multihomed, stock zebra": lambda: drivers.Multihomed(with_module=False),
}


def spread(values, decimals=1):
    """Median (least-most) of what was measured; "never" if nothing was."""
    known = [value for value in values if value is not None]
    if not known:
        return "never"
    median, least, most = (
        f"{value:.{decimals}f}" for value in (statistics.median(known), min(known), max(known))
    )
    text = f"{median} ({least}-{most})"
    return text if len(known) == len(values) else f"{text}, {len(values) - len(known)} never"


def measure(make_driver, faults, rounds, patience):
    """{fault: [Outcome]} of one driver in a fresh lab."""
    with Lab.create() as lab:
        driver = make_driver().start(lab)
        traffic = Traffic(lab, driver)
        traffic.wait_flowing()
        outcomes = {
            fault: [run_trial(traffic, fault, patience, 2 * patience) for _ in range(rounds)]
            for fault in faults
        }
        driver.stop()
        return outcomes


def milliseconds(gap):
    return None if gap is None or gap.is_open else gap.ms


def row(name, fault, outcomes):
    wrong = sum(sum(outcome.spoofed.values()) for outcome in outcomes)
    return [
        name,
        fault,
        spread([milliseconds(outcome.failover) for outcome in outcomes]),
        spread([milliseconds(outcome.new_connections) for outcome in outcomes]),
        spread([milliseconds(outcome.failback) for outcome in outcomes]),
        str(wrong),
    ]


def print_table(rows):
    head = ["router", "fault", "silent ms", "new connections ms", "return ms", "foreign sources"]
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head))
    for cells in rows:
        print("| " + " | ".join(cells) + " |")


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=5, help="trials of each fault")
    options.add_argument("--patience", type=float, default=5.0, help="seconds until 'never'")
    options = options.parse_args()
    rows = []
    for name, make_driver in _DRIVERS.items():
        print(f"measuring {name} ...", file=sys.stderr)
        outcomes = measure(make_driver, FAULTS, options.rounds, options.patience)
        rows += [row(name, fault, each) for fault, each in outcomes.items()]
    print_table(rows)


if __name__ == "__main__":
    main()
