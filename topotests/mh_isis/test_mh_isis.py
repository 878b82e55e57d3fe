# SPDX-License-Identifier: GPL-2.0-or-later
"""IS-IS inside; see ../igp.py."""

import pytest

import igp
from igp import *  # noqa: F403  (the tests and their topology)

pytestmark = [pytest.mark.multihomed, pytest.mark.isisd]
PROTOCOL = igp.Protocol("isis", families=(4, 6))
