# SPDX-License-Identifier: GPL-2.0-or-later
"""Real DHCP clients on the preferred line, and a server that hands out another address and gateway.

What test_learned.py does by hand, Debian's clients do in their own way: other orders, other
protocols and metrics of the default, routes flushed in between.  MULTIHOME_LEASES says how often
the lease changes (2).
"""

import json
import os
import pathlib
import signal
import statistics

import pytest

from . import Connector, Flow, Server, drivers, now_ns, plan, wait_for
from .kernel import Kernel
from .test_learned import LEASES, details, flows_of, steering
from .trial import begins_by

CHARTER = plan.LINES[0]
CHANGES = int(os.environ.get("MULTIHOME_LEASES", "2"))


class DhcpServer:
    """dnsmasq of the provider, with one lease to give; any other one is refused."""

    def __init__(self, lab, directory):
        self._lab, self._directory = lab, directory
        self._pid = None

    def offer(self, gateway, address):
        self.stop()
        options = f"""--no-daemon --conf-file=/dev/null --port=0 --user=root --interface=cust
            --dhcp-authoritative --no-ping --leasefile-ro --pid-file={self._directory}/dnsmasq.pid
            --dhcp-range={address},{address},255.255.255.248,120 --dhcp-option=3,{gateway}""".split()
        argv = self._lab.provider(CHARTER).argv(["dnsmasq", *options])
        self._pid = self._lab.ledger.spawn(argv, self._lab.log("dnsmasq")).pid

    def stop(self):
        if self._pid:
            self._lab.ledger.end(self._pid)
        self._pid = None


class Client:
    """A client in the router, with files of its own; `renew` makes it ask for its lease again."""

    def __init__(self, lab, directory):
        self._lab, self._directory = lab, directory
        self._pid = None

    def start(self):
        # what it writes to the machine's directories stays in its own mount namespace
        private = "".join(
            f"mkdir -p {path}; mount -t tmpfs private {path}; " for path in self.directories
        )
        command = f"{private}exec {self.command(CHARTER.interface, self._directory)}"
        argv = self._lab.router.argv(["unshare", "-m", "sh", "-c", command])
        self._pid = self._lab.ledger.spawn(argv, self._lab.log(type(self).__name__)).pid

    def stop(self):
        if self._pid:
            self._lab.ledger.end(self._pid)
        self._pid = None

    def signal(self, number):
        os.kill(self._pid, number)


class Udhcpc(Client):
    directories = ()

    @staticmethod
    def command(interface, directory):
        return f"udhcpc -f -R -t 20 -T 1 -i {interface} -p {directory}/udhcpc.pid"

    def renew(self):
        self.signal(signal.SIGUSR1)


class Dhclient(Client):
    directories = ()

    @staticmethod
    def command(interface, directory):
        pathlib.Path(directory, "dhclient.leases").touch()
        return (
            f"dhclient -d -4 -cf /dev/null -lf {directory}/dhclient.leases"
            f" -pf {directory}/dhclient.pid {interface}"
        )

    def renew(self):
        """As after a reboot of the line: it asks for what it had."""
        self.stop()
        self.start()


class Dhcpcd(Client):
    directories = ("/var/lib/dhcpcd", "/run/dhcpcd")

    @staticmethod
    def command(interface, directory):
        configuration = pathlib.Path(directory, "dhcpcd.conf")
        configuration.write_text("ipv4only\nnoarp\nnohook resolv.conf\n")
        return f"dhcpcd -B -f {configuration} {interface}"

    def renew(self):
        self.signal(signal.SIGHUP)


@pytest.fixture(scope="module")
def office(lab):
    pathlib.Path("/etc/netns", lab.router.name, "resolv.conf").touch()  # the lab removes it
    gateway, address = LEASES[1]
    lab.provider(CHARTER).ip("addr", "add", f"{gateway}/29", "dev", "cust")
    lab.router.ip("addr", "del", f"{CHARTER.router4}/29", "dev", CHARTER.interface)
    text = drivers.office_configuration(lab, ["probe stable-for 300"])
    text = text.replace(f"ip gateway {CHARTER.gateway4}", "ip gateway auto")
    text = text.replace(f"ip nat source {CHARTER.router4}", "ip nat masquerade")
    driver = drivers.Multihomed(configuration=text)
    driver.wait_up = driver.wait_settled = lambda *_: None  # charter has no address yet
    driver.start(lab)
    server = Server(lab)
    yield driver
    server.stop()
    driver.stop()
    lab.router.ip("addr", "replace", f"{CHARTER.router4}/29", "dev", CHARTER.interface)
    lab.provider(CHARTER).ip("addr", "del", f"{gateway}/29", "dev", "cust")


@pytest.fixture
def server(lab, tmp_path):
    server = DhcpServer(lab, tmp_path)
    server.offer(*LEASES[0])
    yield server
    server.stop()


@pytest.fixture(params=[Udhcpc, Dhclient, Dhcpcd])
def client(lab, request, server, tmp_path):
    client = request.param(lab, tmp_path)
    client.start()
    yield client
    client.stop()
    lab.router.ip("-4", "addr", "flush", "dev", CHARTER.interface)


@pytest.fixture
def new(lab):
    meter = Connector(lab, plan.INTERNET4)
    yield meter
    meter.stop()


def holds(lab, address):
    """Does the router's kernel know the address?"""
    return json.loads(lab.router.ip("-j", "-4", "addr", "show", "to", f"{address}/32"))


def test_a_real_client_gets_another_lease(lab, office, server, client, new, record_property):
    kernel = Kernel(lab.router)
    office.forgive(CHARTER)
    wait_for(lambda: details(office, CHARTER)["ipv4"]["line"]["state"] == "up", 30, what="a lease")
    begins_by(new, CHARTER)
    lab.reset_counters()
    before = steering(kernel)
    gaps = []
    for turn in range(2 * ((CHANGES + 1) // 2)):
        old, lease = LEASES[turn % 2], LEASES[(turn + 1) % 2]
        lasting = Flow(lab, "udp", plan.INTERNET4, name="lasting")
        lasting.wait_flowing()
        server.offer(*lease)
        client.renew()
        wait_for(lambda: holds(lab, lease[1]), 30, what="the kernel has the new address",
                 interval=0.002)  # fmt: skip
        known = now_ns()

        def by_the_new_one():
            return [at for at, _, source in new.successes(known) if source == lease[1]]

        gaps.append((wait_for(by_the_new_one, 10, what="connections by it")[0] - known) / 1e6)
        lasting.wait_flowing(known)
        wait_for(lambda: not holds(lab, old[1]), what="the old address is gone")
        wait_for(lambda: not flows_of(kernel, old[1]), what="old flows are cut")
        lasting.stop()
        office.forgive(CHARTER)
        begins_by(new, CHARTER)
    wait_for(lambda: steering(kernel) == before, what="rules and routes are as they were")
    record_property(
        "traffic_back_ms",
        f"{type(client).__name__}: {statistics.median(gaps):.0f} (to {max(gaps):.0f})",
    )
    print(type(client).__name__, [round(gap) for gap in gaps])
    assert statistics.median(gaps) < 1000, gaps
    assert lab.spoofed() == {}
