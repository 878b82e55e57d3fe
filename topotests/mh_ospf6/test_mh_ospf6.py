# SPDX-License-Identifier: GPL-2.0-or-later
"""OSPFv3 inside; see ../igp.py."""

import pytest

import igp
from igp import *  # noqa: F403  (the tests and their topology)

pytestmark = [pytest.mark.multihomed, pytest.mark.ospf6d]
PROTOCOL = igp.Protocol("ospf6", families=(6,))
