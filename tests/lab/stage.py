# SPDX-License-Identifier: GPL-2.0-or-later
"""Bare namespaces for a router with any number of lines: what Frr needs of a lab, and no office.

Whoever derives from it adds links and addresses; close() ends and removes everything.  Central:
Stage.
"""

import pathlib
import shutil

from .ledger import Ledger
from .netns import Namespace


def own_table_names(ledger, namespace):
    """`ip netns exec` mounts /etc/netns/NAME/* over /etc: names of tables stay in the namespace."""
    directory = pathlib.Path("/etc/netns", namespace.name)
    ledger.add_directory(directory)
    shutil.copytree("/etc/iproute2", directory / "iproute2", dirs_exist_ok=True)


class Stage:
    """`roles` are its namespaces, of which "router" forwards and keeps its table names."""

    def __init__(self, name, roles):
        self.ledger = Ledger.claim(name)
        self.name = self.ledger.name
        self._log_directory = self.ledger.directory / "log"
        self._log_directory.mkdir(exist_ok=True)
        self._log_directory.chmod(0o777)
        self._namespaces = {role: self._make(role) for role in roles}
        self.router.sysctl(net__ipv4__ip_forward=1, net__ipv6__conf__all__forwarding=1)
        own_table_names(self.ledger, self.router)

    def _make(self, role):
        namespace = Namespace(f"mh{self.name}-{role}")
        self.ledger.add_namespace(namespace.name)
        namespace.create()
        namespace.sysctl(
            net__ipv6__conf__default__accept_dad=0,
            net__ipv6__conf__default__accept_ra=0,
            net__ipv4__conf__all__rp_filter=0,
            net__ipv4__conf__default__rp_filter=0,
        )
        namespace.ip("link", "set", "lo", "up")
        return namespace

    def __getitem__(self, role):
        return self._namespaces[role]

    @property
    def router(self):
        return self["router"]

    def log(self, name):
        return self._log_directory / f"{name}.log"

    def close(self):
        self.ledger.remove_all()
        self.ledger.release()
