# SPDX-License-Identifier: GPL-2.0-or-later
"""Babel inside; see ../igp.py.

FRR's babeld does not retract a redistributed route that is gone (babel_route_delete() forgets it in
silence).  A neighbour with no other way keeps the default for its hold time, 13 s at least, and
looks for what is too old every 22 to 37 s: most of this folder's time.  A babeld that is started
again has a random sequence number, and may find no belief for 200 s once the old route has gone:
so the protocol's crash is the last but two of the tests.
"""

import pytest

import igp
from igp import *  # noqa: F403  (the tests and their topology)

pytestmark = [pytest.mark.multihomed, pytest.mark.babeld]
PROTOCOL = igp.Protocol("babel", families=(4, 6), withdraws_within=90)
