# SPDX-License-Identifier: GPL-2.0-or-later
"""What the lab's own tests share."""

import os

import pytest

from . import Connector, Lab, plan


@pytest.fixture(scope="module")
def lab():
    """One lab for the tests of a file, which leave it as they found it."""
    with Lab.create(f"t{os.getpid()}") as lab:
        yield lab


@pytest.fixture
def new(lab):
    """New connections, which tell the line that carries."""
    meter = Connector(lab, plan.INTERNET4)
    yield meter
    meter.stop()


@pytest.fixture
def traffic(lab, office):
    """Starts meters that end with the test; at its end nothing wrong was at any provider."""
    lab.reset_counters()
    started = []

    def start(kind, *arguments, **options):
        meter = kind(lab, *arguments, **options)
        started.append(meter)
        return meter

    yield start
    for line in plan.LINES:
        if lab.is_broken(line):
            lab.heal(line)
    for meter in started:
        meter.stop()
    assert lab.spoofed() == {}
