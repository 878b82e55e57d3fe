# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's DHCP servers and clients in the lab, each with files of its own.

Servers run at charter's provider and hand out one thing at a time, clients in the router.  Central:
Program, Client.
"""

import os
import pathlib
import shutil
import signal

from . import plan, wait_for
from .ledger import end_processes, start_time

CHARTER = plan.LINES[0]
HOOK = pathlib.Path(__file__).resolve().parents[2] / "hooks" / "dhcpcd"


def privately(directory, paths, argv, shared=()):
    """argv with directories of its own at `paths`: nothing is written to the machine's.

    They are kept below `directory`, so that a program started again finds its lease; `shared` ones
    are the machine's again, below one of `paths`.
    """
    pairs = [(path, f"{directory}{path}") for path in shared]
    pairs += [(f"{directory}{path}", path) for path in paths]
    for path in (*paths, *shared):
        pathlib.Path(f"{directory}{path}").mkdir(parents=True, exist_ok=True)
    steps = ["set -e", *(f"mount --rbind {source} {target}" for source, target in pairs)]
    return ["unshare", "-m", "sh", "-c", "; ".join([*steps, f"exec {argv}"])]


def name_of(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return None


class Program:
    """One process; what it writes, it writes below `directory`."""

    def __init__(self, lab, directory):
        self._lab, self._directory = lab, directory
        self.log = lab.log(type(self).__name__)
        self._pid = None

    def _spawn(self, namespace, argv):
        self._pid = self._lab.ledger.spawn(namespace.argv(argv), self.log).pid

    def stop(self):
        if self._pid:
            self._lab.ledger.end(self._pid)
        self._pid = None


class DhcpServer(Program):
    """dnsmasq of the provider, with one lease to give; any other one is refused."""

    def offer(self, gateway, address):
        self.stop()
        options = f"""--no-daemon --conf-file=/dev/null --port=0 --user=root --interface=cust
            --dhcp-authoritative --no-ping --leasefile-ro --pid-file={self._directory}/dnsmasq.pid
            --dhcp-range={address},{address},255.255.255.248,120
            --dhcp-option=3,{gateway}""".split()
        self._spawn(self._lab.provider(CHARTER), ["dnsmasq", *options])


class Dhcpd6(Program):
    """dhcpd of the provider, with one prefix to delegate; any other one gets a lifetime of 0."""

    def offer(self, prefix, preferred=1800, valid=3600):
        self.stop()
        network, length = prefix.split("/")
        # where AppArmor lets it read and write, on a machine that has that
        configuration, state = "/etc/dhcp", "/var/lib/dhcp"
        argv = privately(
            self._directory,
            [configuration, state],
            f"dhcpd -6 -f -d --no-pid -cf {configuration}/dhcpd6.conf"
            f" -lf {state}/dhcpd6.leases cust",
        )
        pathlib.Path(f"{self._directory}{configuration}/dhcpd6.conf").write_text(
            f"preferred-lifetime {preferred}; default-lease-time {valid};\n"
            f"subnet6 {CHARTER.link6} {{ prefix6 {network} {network} /{length}; }}\n"
        )
        pathlib.Path(f"{self._directory}{state}/dhcpd6.leases").touch()
        begun = self._starts()
        self._spawn(self._lab.provider(CHARTER), argv)
        wait_for(lambda: self._starts() > begun, what="dhcpd answers")

    def _starts(self):
        return self.log.read_text().count("Server starting service") if self.log.exists() else 0


class Client(Program):
    """A client in the router, with files of its own; `renew` makes it ask for its lease again."""

    directories = shared = ()

    def start(self):
        command = self.command(CHARTER.interface)
        argv = privately(self._directory, self.directories, command, self.shared)
        self._spawn(self._lab.router, argv)

    def signal(self, number):
        os.kill(self._pid, number)


class Udhcpc(Client):
    def command(self, interface):
        return f"udhcpc -f -R -t 20 -T 1 -i {interface} -p {self._directory}/udhcpc.pid"

    def renew(self):
        self.signal(signal.SIGUSR1)


class Dhclient(Client):
    directories = ("/var/lib/dhcp",)

    def command(self, interface):
        leases = "/var/lib/dhcp/dhclient.leases"
        return f"dhclient -d -4 --no-pid -cf /dev/null -lf {leases} {interface}"

    def renew(self):
        """As after a reboot of the line: it asks for what it had."""
        self.stop()
        self.start()


class Dhcpcd(Client):
    directories = ("/run", "/var/lib/dhcpcd")
    configuration = "ipv4only\nnoarp\nnohook resolv.conf\n"

    def command(self, interface):
        path = pathlib.Path(self._directory, "dhcpcd.conf")
        path.write_text(self.configuration)
        return f"dhcpcd -B -f {path} {interface}"

    def renew(self):
        self.signal(signal.SIGHUP)

    def stop(self):
        """9.4.1 may be killed by its own seccomp filter at a lease's end; helpers keep its port."""
        super().stop()
        inside = [pid for pid in self._lab.router.pids() if name_of(pid) == "dhcpcd"]
        left = {pid: start_time(pid) for pid in inside}
        end_processes({pid: started for pid, started in left.items() if started is not None})

    def signal(self, number):
        """Again until dhcpcd says that it has it: it loses what comes while its hooks run."""

        def taken():
            return self.log.read_text().count(f"received {signal.Signals(number).name}")

        def sent():
            before = taken()
            super(Dhcpcd, self).signal(number)
            return wait_for(lambda: taken() > before, 0.5)

        wait_for(sent, what="dhcpcd has the signal")


class Dhcpcd6(Dhcpcd):
    """It asks for a prefix, gives the LAN's interface a /64 of it, and has our hook."""

    hooks = "/usr/lib/dhcpcd/dhcpcd-hooks"
    directories = (*Dhcpcd.directories, hooks)
    shared = ("/run/frr",)  # where the hook's vtysh finds the daemons

    def __init__(self, lab, directory, frr, hook=True):
        super().__init__(lab, directory)
        self.configuration = (
            "ipv6only\nnoipv6rs\nnohook resolv.conf\n"
            f"env VTYSH={frr.vtysh_path} -N {frr.pathspace}\n"
            f"interface {CHARTER.interface}\nia_pd 1 {plan.LAN_INTERFACE}/0/64\n"
        )
        shutil.copytree(self.hooks, f"{directory}{self.hooks}")
        if hook:
            shutil.copy(HOOK, f"{directory}{self.hooks}/90-multihome")

    def release(self):
        self.signal(signal.SIGALRM)
