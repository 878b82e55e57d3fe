# SPDX-License-Identifier: GPL-2.0-or-later
"""OSPF inside; see ../igp.py."""

import pytest

import igp
from igp import *  # noqa: F403  (the tests and their topology)

pytestmark = [pytest.mark.multihomed, pytest.mark.ospfd]
PROTOCOL = igp.Protocol("ospf", families=(4,))
