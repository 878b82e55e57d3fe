# SPDX-License-Identifier: GPL-2.0-or-later
"""The small office with two cheap ISPs, in network namespaces; see README.md beside this file."""

from . import drivers, loss, plan
from .frr import Frr
from .kernel import Kernel
from .ledger import LabBusy, Ledger
from .meters import Connector, Flow, Gap, Server
from .netns import now_ns
from .topology import BLACKHOLE, CABLE, FAULTS, SILENT, Lab
from .waiting import Timeout, stays, wait_for

__all__ = [
    "BLACKHOLE",
    "CABLE",
    "FAULTS",
    "SILENT",
    "Connector",
    "Flow",
    "Frr",
    "Gap",
    "Kernel",
    "Lab",
    "LabBusy",
    "Ledger",
    "Server",
    "Timeout",
    "drivers",
    "loss",
    "now_ns",
    "plan",
    "stays",
    "wait_for",
]
