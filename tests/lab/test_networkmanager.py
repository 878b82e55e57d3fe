# SPDX-License-Identifier: GPL-2.0-or-later
"""A real NetworkManager has the preferred line.

It is too big to install for this: MULTIHOME_NETWORKMANAGER names where it is unpacked (README.md).
MULTIHOME_RENEWALS_REAL says how often its lease changes (2).
"""

import json

import pytest

from .kernel import Kernel
from .leases import CHARTER, judge, lease_changes, wait_for_a_lease
from .leases import office  # noqa: F401  (a fixture)
from .managers import HastyServer, NetworkManager, clients_defaults, has_networkmanager
from .test_learned import LEASES

pytestmark = pytest.mark.skipif(
    not has_networkmanager(), reason="NOT TESTED: needs MULTIHOME_NETWORKMANAGER"
)


def rules(lab, priority):
    """Ours of this priority: `from all`, they do not come and go with the line."""
    found = [rule for family in (4, 6) for rule in Kernel(lab.router).rules(family)]
    return sorted(json.dumps(rule) for rule in found if rule["priority"] == priority)


@pytest.mark.parametrize("table", ["main", "201"])
def test_another_lease(lab, office, new, table, tmp_path, record_property):
    server, client = HastyServer(lab, tmp_path), NetworkManager(lab, tmp_path)
    server.offer(*LEASES[0])
    if table != "main":
        client.method4 = f"route-table={table}\n"
        office.frr.change("uplink charter", f"ip gateway auto table {table}")
    # what it finds configured it leaves alone, and does not take
    lab.router.ip("-6", "addr", "flush", "dev", CHARTER.interface)
    before = rules(lab, 10010)
    client.start()
    wait_for_a_lease(office)
    assert rules(lab, 10010) == before
    assert clients_defaults(lab, "all") == clients_defaults(lab, table) == [CHARTER.interface]
    gaps = lease_changes(lab, office, new, server.offer)
    client.stop()
    server.stop()
    lab.router.ip("-4", "addr", "flush", "dev", CHARTER.interface)
    office.frr.change("uplink charter", "ip gateway auto")
    judge(lab, record_property, f"NetworkManager, {table}", gaps)
