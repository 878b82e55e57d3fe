# SPDX-License-Identifier: GPL-2.0-or-later
"""RIP version 2 inside; see ../igp.py."""

import pytest

import igp
from igp import *  # noqa: F403  (the tests and their topology)

pytestmark = [pytest.mark.multihomed, pytest.mark.ripd]
PROTOCOL = igp.Protocol("rip", families=(4,))
