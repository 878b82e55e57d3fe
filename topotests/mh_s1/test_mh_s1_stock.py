# SPDX-License-Identifier: GPL-2.0-or-later
"""The small office with two cheap ISPs, on stock zebra; see office.py, checks.py."""

import pytest

import checks
from checks import *  # noqa: F403  (the tests)
from lib.topogen import get_topogen

pytestmark = [pytest.mark.multihomed, pytest.mark.staticd]


def setup_module(mod):
    checks.start(mod.__name__, with_module=False)


def teardown_module():
    get_topogen().stop_topology()
