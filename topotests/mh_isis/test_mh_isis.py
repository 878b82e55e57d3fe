# SPDX-License-Identifier: GPL-2.0-or-later
"""IS-IS inside; see ../igp.py."""

import pytest

import igp
from igp import *  # noqa: F403  (the tests)
from lib.topogen import get_topogen

pytestmark = [pytest.mark.multihomed, pytest.mark.isisd]
PROTOCOL = igp.Protocol("isis", families=(4, 6))


def setup_module(mod):
    igp.start(mod)


def teardown_module():
    get_topogen().stop_topology()
