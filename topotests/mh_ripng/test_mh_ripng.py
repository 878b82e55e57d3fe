# SPDX-License-Identifier: GPL-2.0-or-later
"""RIPng inside; see ../igp.py."""

import pytest

import igp
from igp import *  # noqa: F403  (the tests and their topology)

pytestmark = [pytest.mark.multihomed, pytest.mark.ripngd]
PROTOCOL = igp.Protocol("ripng", families=(6,))
