# SPDX-License-Identifier: GPL-2.0-or-later
"""A real systemd-networkd in the router, and leases so short that it asks for them at once.

No signal makes it renew, and what does (D-Bus) is not there.
"""

import pathlib
import pwd
import shutil

from . import plan
from .kernel import Kernel
from .test_dhcp_clients import ATT, CHARTER, Client, Dhcpd6, DhcpServer

PROGRAM = "/lib/systemd/systemd-networkd"
USER = "systemd-network"
HOOK = pathlib.Path(__file__).resolve().parents[2] / "hooks" / "watch-addresses"
LEAVES_US_ALONE = "ManageForeignRoutes=no\nManageForeignRoutingPolicyRules=no\n"
SUBNET_OF_THE_LINE = "f"


def is_here():
    return pathlib.Path(PROGRAM).exists() and any(each.pw_name == USER for each in pwd.getpwall())


class HastyServer(DhcpServer):
    """T1 is 3 s (dnsmasq takes no less); networkd hears a refusal only after T2, 6 s.

    It changes both by up to a second, and is lost when T2 comes with T1.
    """

    def offer(self, gateway, address):
        super().offer(f"{gateway} --dhcp-option=58,3 --dhcp-option=59,6", address)


class HastyServer6(Dhcpd6):
    def offer(self, prefix, preferred=1800, valid=3600):
        times = "option dhcp-renewal-time 1; option dhcp-rebinding-time 2"
        super().offer(prefix, preferred, f"{valid}; {times}")


class Networkd(Client):
    """networkd with files of its own, without D-Bus, for the line and, if told, the LAN.

    Of these interfaces a database of udev's of its own says that they are ready: it takes them
    when it has read the kernel's routes and rules, as on a machine with udev.
    """

    directories = ("/run", "/etc/systemd")
    settings = LEAVES_US_ALONE  # of networkd.conf, below [Network]
    line = "DHCP=ipv4\n"  # of a .network, below [Network]
    lan = None

    def start(self):
        self._write()
        super().start()

    def command(self, interface):
        return PROGRAM

    def _write(self):
        root = pathlib.Path(self._directory)
        shutil.rmtree(root / "etc/systemd", ignore_errors=True)
        (root / "etc/systemd/network").mkdir(parents=True)
        (root / "etc/systemd/networkd.conf").write_text(f"[Network]\n{self.settings}")
        (root / "run/udev/data").mkdir(parents=True, exist_ok=True)
        links = Kernel(self._lab.router).links()
        for interface, text in ((CHARTER.interface, self.line), (plan.LAN_INTERFACE, self.lan)):
            if text is not None:
                (root / f"etc/systemd/network/{interface}.network").write_text(
                    f"[Match]\nName={interface}\n[Network]\nIPv6AcceptRA=no\n{text}"
                )
                (root / f"run/udev/data/n{links[interface]['ifindex']}").write_text("I:1\n")
        for directory in ("", "links", "leases", "lldp"):
            path = root / "run/systemd/netif" / directory
            path.mkdir(parents=True, exist_ok=True)
            shutil.chown(path, USER, USER)


class Networkd6(Networkd):
    """It asks for a prefix, gives the LAN the first /64 of it, and the line the last one."""

    line = (
        "DHCP=ipv6\nDHCPPrefixDelegation=yes\n"
        f"Address={CHARTER.router4}/29\nAddress={CHARTER.router6}/64\n"
        "[DHCPv6]\nWithoutRA=solicit\n"
        f"[DHCPPrefixDelegation]\nUplinkInterface=:self\nSubnetId={SUBNET_OF_THE_LINE}\n"
        "Announce=no\n"
    )
    lan = (
        "DHCPPrefixDelegation=yes\nKeepConfiguration=yes\n"
        f"[DHCPPrefixDelegation]\nUplinkInterface={CHARTER.interface}\nSubnetId=0\n"
        "Announce=no\nToken=::1\n"
    )


class Watcher:
    """Our hook: it looks at the addresses in the kernel, and tells multihomed."""

    def __init__(self, lab, directory, frr, lines=(CHARTER.interface, ATT.interface)):
        self._lab = lab
        words = [f"VTYSH={frr.vtysh_path} -N {frr.pathspace}", f"STATE={directory}/hook"]
        argv = lab.router.argv(["env", *words, str(HOOK), *lines])
        self._pid = lab.ledger.spawn(argv, lab.log("hook")).pid

    def stop(self):
        self._lab.ledger.end(self._pid)
