# SPDX-License-Identifier: GPL-2.0-or-later
"""RIPng inside; see ../igp.py."""

import pytest

import igp
from igp import *  # noqa: F403  (the tests)
from lib.topogen import get_topogen

pytestmark = [pytest.mark.multihomed, pytest.mark.ripngd]
PROTOCOL = igp.Protocol("ripng", families=(6,))


def setup_module(mod):
    igp.start(mod)


def teardown_module():
    get_topogen().stop_topology()
