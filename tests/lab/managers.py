# SPDX-License-Identifier: GPL-2.0-or-later
"""Real systemd-networkd and NetworkManager in the router, which have the preferred line.

No signal makes them renew, and what does (D-Bus) is not there or not for us: leases are so short
that they ask again at once.  Central: Networkd, NetworkManager, Watcher.
"""

import os
import pathlib
import shutil

from . import plan
from .dhcp import Client, Dhcpd6, DhcpServer, name_of
from .kernel import Kernel
from .leases import ATT, CHARTER
from .ledger import end_processes, start_time

NETWORKD = pathlib.Path("/lib/systemd/systemd-networkd")
USER = "systemd-network"
# where Debian's network-manager and libndp0 are unpacked, if not installed
UNPACKED = os.environ.get("MULTIHOME_NETWORKMANAGER", "")
HOOK = pathlib.Path(__file__).resolve().parents[2] / "hooks" / "watch-addresses"
LEAVES_US_ALONE = "ManageForeignRoutes=no\nManageForeignRoutingPolicyRules=no\n"
SUBNET_OF_THE_LINE = "f"


def has_networkmanager():
    program = pathlib.Path(f"{UNPACKED}/usr/sbin/NetworkManager")
    return program.exists() and shutil.which("dbus-daemon")


class HastyServer(DhcpServer):
    """T1 is 3 s (dnsmasq takes no less); they hear a refusal only after T2, 6 s.

    networkd 252 changes both by up to a second, and is lost when T2 comes with T1.  A lease that it
    has before the kernel has said that the old address is gone makes it hold that address for being
    removed for ever, and never take it again: so no offer comes within milliseconds.
    """

    def offer(self, gateway, address):
        options = "--dhcp-option=58,3 --dhcp-option=59,6 --dhcp-reply-delay=1"
        super().offer(f"{gateway} {options}", address)


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
        return NETWORKD

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


class NetworkManager(Client):
    """NetworkManager with files and a D-Bus of its own; but for the line it has nothing to do."""

    directories = ("/run", "/var/lib")
    method4 = ""  # of the connection, below [ipv4]
    bus = "/run/dbus/system_bus_socket"

    def start(self):
        self._write()
        super().start()

    def command(self, interface):
        return "sh /run/both"

    def stop(self):
        super().stop()
        inside = [pid for pid in self._lab.router.pids() if name_of(pid) == "dbus-daemon"]
        left = {pid: start_time(pid) for pid in inside}
        end_processes({pid: started for pid, started in left.items() if started is not None})

    def _write(self):
        root = pathlib.Path(self._directory)
        for directory in ("run/dbus", "run/udev/data", "run/connections"):
            (root / directory).mkdir(parents=True, exist_ok=True)
        (root / "run/bus.conf").write_text(
            "<busconfig><type>system</type>"
            f"<listen>unix:path={self.bus}</listen><policy context='default'><allow user='*'/>"
            "<allow own='*'/><allow send_destination='*'/><allow receive_sender='*'/>"
            "</policy></busconfig>"
        )
        libraries = f"{UNPACKED}/usr/lib/x86_64-linux-gnu"
        (root / "run/both").write_text(
            "dbus-daemon --config-file=/run/bus.conf --fork --nopidfile\n"
            f"export LD_LIBRARY_PATH={libraries} DBUS_SYSTEM_BUS_ADDRESS=unix:path={self.bus}\n"
            f"exec {UNPACKED}/usr/sbin/NetworkManager --debug --config /run/NetworkManager.conf\n"
        )
        (root / "run/NetworkManager.conf").write_text(
            "[main]\nplugins=keyfile\ndhcp=internal\nno-auto-default=*\ndns=none\n"
            "rc-manager=unmanaged\nsystemd-resolved=false\nauth-polkit=false\n"
            "[keyfile]\npath=/run/connections\n"
            f"unmanaged-devices=*,except:interface-name:{CHARTER.interface}\n"
        )
        for link in Kernel(self._lab.router).links().values():
            (root / f"run/udev/data/n{link['ifindex']}").write_text("I:1\n")
        connection = root / "run/connections/line.nmconnection"
        connection.write_text(
            f"[connection]\nid=line\ntype=ethernet\ninterface-name={CHARTER.interface}\n"
            f"[ipv4]\nmethod=auto\n{self.method4}[ipv6]\nmethod=manual\n"
            f"address1={CHARTER.router6}/64\n"
        )
        connection.chmod(0o600)


def clients_defaults(lab, table):
    """Whose interface the IPv4 defaults that a DHCP client made lead by."""
    return [route["dev"] for route in Kernel(lab.router).routes(4, table)
            if route["dst"] == "default" and route["protocol"] == "16"]  # fmt: skip


class Watcher:
    """Our hook: it looks at the addresses in the kernel, and tells multihomed."""

    def __init__(self, lab, directory, frr, lines=(CHARTER.interface, ATT.interface)):
        self._lab = lab
        words = [f"VTYSH={frr.vtysh_path} -N {frr.pathspace}", f"STATE={directory}/hook"]
        argv = lab.router.argv(["env", *words, str(HOOK), *lines])
        self._pid = lab.ledger.spawn(argv, lab.log("hook")).pid

    def stop(self):
        self._lab.ledger.end(self._pid)
