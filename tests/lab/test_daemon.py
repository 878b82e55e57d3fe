# SPDX-License-Identifier: GPL-2.0-or-later
"""multihomed as a daemon of FRR: signals, privileges, options, its own configuration file."""

import pathlib
import signal
import socket
import subprocess

import pytest

from . import Kernel, drivers, wait_for
from .frr import Frr, multihomed_binary
from .netns import in_namespace

NET_ADMIN, NET_RAW = 12, 13  # linux/capability.h


@pytest.fixture
def frr(lab):
    frr = Frr(lab)
    frr.start_zebra(True)
    yield frr
    frr.stop_all()


def status(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


def uplinks(frr):
    return sorted({line["uplink"] for line in frr.shown()["lines"]})


def terminations(frr):
    """How often a multihomed of this lab was told to end."""
    return frr.log_text("multihomed").count("Terminating on signal")


def test_runs_as_frr_with_two_capabilities_raised_only_when_needed(frr):
    frr.start_multihomed()
    seen = status(frr.pid("multihomed"))
    assert "0" not in seen["Uid"].split()
    assert int(seen["CapPrm"], 16) == 1 << NET_ADMIN | 1 << NET_RAW
    assert int(seen["CapEff"], 16) == 0


def test_hup_reads_its_own_file_again(frr, lab):
    own = frr.config_directory / "multihomed.conf"
    own.write_text(drivers.office_configuration(lab))
    frr.start_multihomed("-f", str(own))
    wait_for(lambda: uplinks(frr) == ["att", "charter"], what="its own file is read")
    own.write_text("router multihome\n uplink third\n  interface eth9\n")
    frr.signal("multihomed", signal.SIGHUP)
    wait_for(lambda: "third" in frr.vtysh("show running-config"), what="the file is read again")


def test_hup_looks_after_what_nobody_announces(frr, lab):
    frr.start_multihomed()
    frr.configure(drivers.office_configuration(lab))
    path = f"net/ipv4/conf/{lab.lines[0].interface}/ignore_routes_with_linkdown"
    wait_for(lambda: lab.router.read_sysctl(path) == "1", what="the sysctl is set")
    lab.router.sysctl(**{path.replace("/", "__"): 0})
    frr.signal("multihomed", signal.SIGHUP)
    wait_for(lambda: lab.router.read_sysctl(path) == "1", what="it is set again")


def test_usr1_reopens_the_log(frr, lab):
    frr.start_multihomed()
    log = lab.log("multihomed")
    log.rename(log.with_suffix(".1"))
    frr.signal("multihomed", signal.SIGUSR1)
    wait_for(log.exists, what="a new log file")


def test_a_second_term_ends_it_at_once(frr, lab):
    """Without zebra's answers a stop may take a while; who asks twice does not wait."""
    frr.start_multihomed()
    frr.configure(drivers.office_configuration(lab))
    wait_for(lambda: uplinks(frr) == ["att", "charter"], what="configured")
    frr.signal("zebra", signal.SIGSTOP)
    try:
        earlier = terminations(frr)
        frr.signal("multihomed", signal.SIGTERM)
        # two signals of one kind that have not been handled yet are one
        wait_for(lambda: terminations(frr) > earlier, what="the first has come")
        frr.signal("multihomed", signal.SIGTERM)
        frr.processes["multihomed"].wait(2)  # it gives up by itself after five
    finally:
        frr.signal("zebra", signal.SIGCONT)


def test_answers_on_a_tcp_port_where_it_is_told_to(frr, lab):
    frr.start_multihomed("-A", "127.0.0.1", "-P", "2699")

    def greeting():
        with socket.create_connection(("127.0.0.1", 2699), 5) as session:
            return session.recv(4096)

    assert b"Vty password is not set" in in_namespace(lab.router.name, greeting)


@pytest.mark.parametrize("arguments", [["-v"], ["--help"]])
def test_says_what_it_is(arguments):
    argv = [multihomed_binary(), *arguments]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=10)
    assert done.returncode == 0 and "multihomed" in done.stdout


def test_names_the_line_that_it_does_not_understand(frr):
    own = frr.config_directory / "multihomed.conf"
    command = [multihomed_binary(), "-C", "-N", frr.pathspace, "-f", str(own)]
    own.write_text("router multihome\n uplink a\n  weight 1000\n")
    done = subprocess.run(command, capture_output=True, text=True, timeout=10)
    assert "line 3:   weight 1000" in done.stdout + done.stderr


def test_a_second_one_in_the_namespace_is_refused(frr, lab):
    frr.start_multihomed()
    frr.configure(drivers.office_configuration(lab))
    wait_for(lambda: uplinks(frr) == ["att", "charter"], what="configured")
    command = lab.router.argv([str(multihomed_binary()), "-N", "another", "-P", "0"])
    done = subprocess.run(command, capture_output=True, text=True, timeout=10)
    assert done.returncode == 1
    assert "another multihomed is at work" in done.stderr
    assert ("inet", "multihome") in Kernel(lab.router).nft_tables()
