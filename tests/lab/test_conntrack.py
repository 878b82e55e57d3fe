# SPDX-License-Identifier: GPL-2.0-or-later
"""The thread that forgets flows, with libfrr's privileges, before and behind the daemon's fork."""

import pathlib
import signal
import subprocess

import pytest

from . import CABLE, Kernel, drivers, wait_for
from .frr import Frr, multihomed_binary
from .ledger import signal_process, start_time

NET_ADMIN = 12  # linux/capability.h
WORKER = "mh-conntrack"


class Background:
    """multihomed as FRR's own scripts start it: the command returns, the daemon lives."""

    def __init__(self, lab, frr):
        log = lab.log("multihomed")
        log.touch()
        log.chmod(0o666)
        options = f"-d -N {frr.pathspace} -P 0 --log file:{log}".split()
        argv = lab.router.argv([str(multihomed_binary()), *options])
        subprocess.run(argv, check=True, timeout=20)
        self.pid = int((frr.run_directory / "multihomed.pid").read_text())
        self._started = start_time(self.pid)

    def stop(self):
        signal_process(self.pid, self._started, signal.SIGTERM)
        wait_for(lambda: not pathlib.Path(f"/proc/{self.pid}/exe").exists(), what="it has ended")


@pytest.fixture(params=["foreground", "background"])
def daemon(lab, request):
    """The lab's Frr, and the pid of a multihomed configured for the office."""
    frr = Frr(lab)
    frr.start_zebra(True)
    background = Background(lab, frr) if request.param == "background" else None
    if not background:
        frr.start_multihomed()
    try:
        frr.configure(drivers.office_configuration(lab))
        yield frr, background.pid if background else frr.pid("multihomed")
    finally:
        if background:
            background.stop()
        frr.stop_all()


def status_of_thread(pid, name):
    """Fields of a thread's status, or None while there is no such thread."""
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        lines = (task / "status").read_text().splitlines()
        fields = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
        if fields["Name"] == name:
            return fields
    return None


def capabilities(pid, name):
    return int(status_of_thread(pid, name)["CapEff"], 16)


def wait_until_up(frr, line):
    """A first probe that is lost on a busy machine costs the line its stable-for."""
    wait_until_shown(frr, line, "4: up", 30)


def wait_until_shown(frr, line, text, timeout=10):
    show = f"show multihome uplink {line}"
    wait_for(lambda: text in frr.vtysh(show), timeout, what=f"'{text}' of {line}")


def test_flows_are_forgotten_by_a_thread_that_may_do_nothing_else(lab, daemon):
    frr, pid = daemon
    worker = wait_for(lambda: status_of_thread(pid, WORKER), what="the thread has begun")
    assert capabilities(pid, WORKER) == int(worker["CapPrm"], 16) == 1 << NET_ADMIN
    assert "0" not in worker["Uid"].split()
    assert int(worker["SigBlk"], 16) >> (signal.SIGTERM - 1) & 1
    # what it raises for its own work it lowers again
    wait_for(lambda: capabilities(pid, "multihomed") == 0, what="the main thread has none")

    wait_for(lambda: Kernel(lab.router).nft_tables(), what="translation stands")
    wait_until_up(frr, "charter")
    lab.break_line("charter", CABLE)
    try:
        wait_until_shown(frr, "charter", "forgot flows")
    finally:
        lab.heal("charter")
    assert "not permitted" not in frr.log_text("multihomed")


def test_what_is_ordered_is_told_when_it_is_done(lab, daemon):
    frr, _ = daemon
    wait_until_up(frr, "att")
    answer = frr.vtysh("clear multihome conntrack uplink att")
    assert "are being forgotten" in answer
    wait_until_shown(frr, "att", "by command")
