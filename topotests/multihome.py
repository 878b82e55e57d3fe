# SPDX-License-Identifier: GPL-2.0-or-later
"""multihomed within FRR's topotest framework.

extend_framework() makes multihomed one more daemon that the framework starts, checks and stops:
TopoRouter.RD_MULTIHOMED, found by `router multihome` in a frr.conf like any other.  Every router
sees our vtysh as /usr/bin/vtysh, by a bind mount in its own mount namespace.  load() takes a
router's frr.conf, with zebra's module or on stock zebra.  Central: load(), kernel().
"""

import json
import os
import pathlib
import shutil
import signal
import socket

from lab.kernel import Kernel
from lab.ledger import signal_process, start_time
from lab.waiting import wait_for
from lib import topotest
from lib.topogen import TopoRouter

FRR_DIRECTORY = pathlib.Path("/usr/lib/frr")


def built(relative):
    """A file of the build directory in $MULTIHOME_BUILD; its absence is an error."""
    build = os.environ.get("MULTIHOME_BUILD")
    if not build:
        raise FileNotFoundError("set MULTIHOME_BUILD to the build directory")
    path = pathlib.Path(build, relative).resolve()
    if not path.exists():
        raise FileNotFoundError(f"{path} has not been built")
    return path


def _daemon_directory(router):
    """A directory of links to FRR's daemons and ours, which the framework takes them from."""
    directory = pathlib.Path(router.logdir, router.name, "daemons")
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    for path in FRR_DIRECTORY.iterdir():
        (directory / path.name).symlink_to(path)
    (directory / "multihomed").symlink_to(built("frr-plugin/multihomed"))
    return str(directory)


class MultihomeRouter(topotest.Router):
    """The framework's router with one daemon more and our vtysh."""

    def __init__(self, name, **params):
        super().__init__(name, **params)
        self.daemons["multihomed"] = 0
        self.cmd_raises(f"mount --bind {built('vtysh/vtysh')} /usr/bin/vtysh")
        self._own_table_names()

    def _own_table_names(self):
        """The names of routing tables are written to a copy, never to the machine's own."""
        copy = pathlib.Path(self.logdir, self.name, "iproute2")
        shutil.copytree("/etc/iproute2", copy)
        self.cmd_raises(f"mount --bind {copy} /etc/iproute2")

    def _config_frr(self, **params):
        super()._config_frr(**params)
        self.daemondir = _daemon_directory(self)


def extend_framework():
    """Make TopoRouter know multihomed; called once, by conftest.py."""
    number = max(TopoRouter.RD) + 1
    TopoRouter.RD_MULTIHOMED = number
    TopoRouter.RD[number] = "multihomed"


def add_router(tgen, name):
    """A router that can run multihomed."""
    return tgen.add_router(name, cls=MultihomeRouter)


def add_bare_host(tgen, name):
    """A host that gets its addresses from the test; the framework's takes exactly one."""
    host = tgen.add_host(name, None, None)
    for parameter in ("ip", "defaultRoute"):
        tgen.net.host_params[name].pop(parameter)
    return host


def load(router, source, with_module=True):
    """Take a unified configuration; zebra gets our module unless it is to be the stock one."""
    if with_module:
        module = built("frr-plugin/zebra_multihome.so")
        router.net.daemons_options["zebra"] = f"-M {module}"
    router.load_frr_config(source)


def end_daemon(router, daemon, number=signal.SIGKILL):
    """End one daemon and wait for it.  (The framework's killDaemons() removes a wrong pid file.)"""
    pid_file = f"/var/run/frr/{daemon}.pid"
    pid = int(router.net.cmd_raises(f"cat {pid_file}"))
    started = start_time(pid)
    signal_process(pid, started, number)
    wait_for(lambda: start_time(pid) != started, what=f"{daemon} is gone")
    router.net.cmd_raises(f"rm -f {pid_file}")


class Namespace:
    """A router of the framework, as lab.kernel wants a namespace."""

    def __init__(self, gear):
        self._net = gear.net
        self.name = gear.name

    def argv(self, argv):
        return [*self._net.pre_cmd, *argv]

    def run(self, *argv, check=True):
        return self._net.output(argv, check=check)

    def ip(self, *args, check=True):
        return self.run("ip", *args, check=check)

    def read_sysctl(self, path):
        return self.run("cat", f"/proc/sys/{path}").strip()


def kernel(router):
    """The kernel state of a router: rules(), routes(), nft(), conntrack() ... (lab/kernel.py)."""
    return Kernel(Namespace(router))


def ask(router, command="show multihome json"):
    """What multihomed answers, without vtysh, which takes seconds to start under emulation."""
    with socket.socket(socket.AF_UNIX) as vty:
        vty.settimeout(30)
        vty.connect(f"/proc/{router.net.pid}/root/run/frr/multihomed.vty")
        _run(vty, "enable")
        answer = _run(vty, command)
    return json.loads(answer) if command.endswith(" json") else answer


def states(router):
    """{(uplink, family): state}"""
    lines = ask(router)["lines"]
    return {(each["uplink"], each["family"]): each["state"] for each in lines}


def _run(vty, command):
    vty.sendall(command.encode() + b"\0")
    answer = b""
    while answer[-4:-1] != b"\0\0\0":  # then comes the result, one byte
        more = vty.recv(65536)
        if not more:
            raise RuntimeError(f"{command}: the answer ends early")
        answer += more
    return answer[:-4].decode()


def expect(actual, expected, what, timeout=15):
    """Wait until actual() contains `expected`, compared as FRR's tests do; shows the difference."""

    def difference():
        return topotest.json_cmp(actual(), expected)

    try:
        wait_for(lambda: difference() is None, timeout, what=what)
    except AssertionError as error:
        raise AssertionError(f"{error}\n{difference()}") from None


def expectation(directory, name):
    """A file of expected state beside the test."""
    return json.loads(pathlib.Path(directory, name).read_text())
