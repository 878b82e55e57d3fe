# SPDX-License-Identifier: GPL-2.0-or-later
"""multihomed under frrinit.sh and watchfrr, enabled by three lines in /etc/frr/daemons.

The scripts know fixed paths only, so they run in namespaces of their own in which /etc/frr,
/usr/lib/frr and /usr/bin/vtysh are private copies with our binaries among them, and /run is empty.
"""

import os
import pathlib
import signal
import subprocess
import textwrap

import pytest

from lab.waiting import wait_for

BUILD = pathlib.Path(os.environ["MULTIHOME_BUILD"])

# holds the namespaces until its standard input is closed
HOLDER = """
set -e
work=$1 build=$2
mount -t tmpfs tmpfs "$work"
mkdir "$work/lib" "$work/etc"
cp -a /usr/lib/frr/. "$work/lib/"
cp -a /etc/frr/daemons "$work/etc/"
cp "$build/frr-plugin/multihomed" "$work/lib/"
chown frr:frr "$work/etc"
mount --bind "$work/lib" /usr/lib/frr
mount --bind "$work/etc" /etc/frr
mount -t tmpfs tmpfs /run
mount --bind "$build/vtysh/vtysh" /usr/bin/vtysh
ip link set lo up
echo ready
cat
: # keeps the shell as process 1, which reaps what daemons leave
"""

CONFIGURATION = """\
router multihome
 uplink charter
  interface eth2.5
 exit
exit
"""

DAEMONS = """
DAEMONS="$DAEMONS multihomed"
multihomed=yes
multihomed_options="  -A 127.0.0.1"
"""


class Machine:
    def __init__(self, work):
        alone = "unshare -m -n -p -f --mount-proc --kill-child".split()
        argv = [*alone, "bash", "-c", HOLDER, "holder", work, BUILD]
        pipe = subprocess.PIPE
        self._holder = subprocess.Popen(argv, stdin=pipe, stdout=pipe, text=True)
        assert self._holder.stdout.readline() == "ready\n"
        children = pathlib.Path(f"/proc/{self._holder.pid}/task/{self._holder.pid}/children")
        self._inside = children.read_text().split()[0]

    def run(self, *argv, check=True):
        enter = ["nsenter", "-t", self._inside, "-m", "-n", "-p"]
        # to a file and not a pipe, which the daemons would hold open
        return subprocess.run(
            [*enter, "sh", "-c", 'exec "$@" >/run/out 2>&1', "run", *argv], check=check, timeout=60
        ).returncode, self.read("/run/out")

    def read(self, path):
        return pathlib.Path(f"/proc/{self._inside}/root{path}").read_text()

    def write(self, path, text):
        with open(f"/proc/{self._inside}/root{path}", "a") as file:
            file.write(text)

    def frrinit(self, action):
        return self.run("/usr/lib/frr/frrinit.sh", action)

    def pid(self):
        """Of multihomed, as its namespace counts."""
        return self.read("/run/frr/multihomed.pid").strip()

    def vtysh(self, *commands, options=(), check=True):
        typed = [word for command in commands for word in ("-c", command)]
        return self.run("vtysh", *options, *typed, check=check)

    def configured(self):
        """Our block in the running configuration."""
        ours = ["-d", "multihomed"]
        status, text = self.vtysh("show running-config", options=ours, check=False)
        if status != 0 or "router multihome" not in text:
            return ""
        return text[text.index("router multihome") :].partition("!")[0]

    def close(self):
        self._holder.stdin.close()
        self._holder.wait(10)


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    machine = Machine(str(tmp_path_factory.mktemp("machine")))
    machine.write("/etc/frr/daemons", DAEMONS)
    machine.write("/etc/frr/frr.conf", CONFIGURATION)
    machine.run("chown", "frr:frr", "/etc/frr/frr.conf")
    machine.frrinit("start")
    yield machine
    machine.frrinit("stop")
    machine.close()


def is_configured(machine):
    return wait_for(lambda: machine.configured() == CONFIGURATION, 20, what="frr.conf is in force")


def test_starts_with_the_integrated_configuration(machine):
    is_configured(machine)
    _, text = machine.frrinit("status")
    assert "Status of multihomed: running" in text


def test_watchfrr_supervises_it(machine):
    up = "multihomed           Up"
    wait_for(lambda: up in machine.vtysh("show watchfrr")[1], 20, what="it is up")


def test_killed_it_is_back_with_its_configuration(machine):
    is_configured(machine)
    before = machine.pid()
    machine.run("kill", f"-{signal.SIGKILL}", before)
    wait_for(lambda: machine.pid() != before, 30, what="watchfrr started it again")
    is_configured(machine)


def test_write_memory_keeps_what_others_wrote(machine):
    is_configured(machine)
    machine.vtysh("configure terminal", "ip route 198.18.0.0/24 blackhole", "end", "write memory")
    text = machine.read("/etc/frr/frr.conf")
    assert "ip route 198.18.0.0/24 blackhole\n" in text
    assert textwrap.dedent(CONFIGURATION) in text


def test_stops_and_starts(machine):
    machine.frrinit("restart")
    is_configured(machine)
    machine.frrinit("stop")
    assert machine.run("pgrep", "-x", "multihomed|zebra|watchfrr", check=False)[0] == 1
    machine.frrinit("start")
    is_configured(machine)
