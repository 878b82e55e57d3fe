#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""How often a bad line moves the default: random loss, and a line that comes and goes.

    MULTIHOME_BUILD=build tests/bench/patience_bench.py [--minutes N]

A benchmark, not a test; tests/sim has the same over a hundred seeds in virtual time.  Moves are
those of the kernel's IPv4 default in main, as `ip monitor` tells them.  Central: moves_during().
"""

import argparse
import contextlib
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from lab import SILENT, Lab, drivers, wait_for  # noqa: E402


def rest(seconds):
    until = time.monotonic() + seconds
    wait_for(lambda: time.monotonic() >= until, seconds + 5)


def lose(lab, line, end):
    lab.lose(line, 30)
    rest(end - time.monotonic())
    lab.lose(line, 0)


def alternate(lab, line, end):
    while time.monotonic() < end:
        lab.break_line(line, SILENT)
        rest(2)
        lab.heal(line)
        rest(2)


def defaults(text):
    """The devices of main's default, in the order in which they were put in."""
    for words in map(str.split, text.splitlines()):
        if words and words[0] == "default" and "dev" in words and "table" not in words:
            yield words[words.index("dev") + 1]


def moves_during(story, minutes):
    with Lab.create() as lab, contextlib.ExitStack() as stack:
        driver = drivers.Multihomed().start(lab)
        stack.callback(driver.stop)
        command = ["ip", "-n", lab.router.name, "-4", "monitor", "route"]
        monitor = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        story(lab, lab.lines[0], time.monotonic() + 60 * minutes)
        monitor.terminate()
        seen = list(defaults(monitor.communicate()[0]))
        now = lab.router.ip("-4", "route", "show", "default")
    first = lab.lines[0].interface
    places = [first, *seen]
    return sum(one != other for one, other in zip(places, places[1:])), now.strip()


def main():
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--minutes", type=float, default=5)
    options = options.parse_args()
    print("| line | moves of the default | in the end |\n|---|---|---|", flush=True)
    for what, story in (("30 % random loss", lose), ("2 s silent, 2 s good", alternate)):
        moves, now = moves_during(story, options.minutes)
        print(f"| {what}, {options.minutes:g} minutes | {moves} | {now} |", flush=True)


if __name__ == "__main__":
    main()
