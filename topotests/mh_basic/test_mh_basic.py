# SPDX-License-Identifier: GPL-2.0-or-later
"""multihomed is a daemon of FRR like any other.

r1 has one line (r1-eth0) and a LAN (r1-eth1).  zebra with our module, staticd and multihomed start,
vtysh knows all of them, takes and prints a configuration, and everything stops in order.
"""

import os

import pytest

import multihome
from lab.waiting import wait_for
from lib.topogen import Topogen, get_topogen

pytestmark = [pytest.mark.multihomed, pytest.mark.staticd]
CWD = os.path.dirname(os.path.realpath(__file__))


def build_topo(tgen):
    router = multihome.add_router(tgen, "r1")
    for number in range(2):
        tgen.add_switch(f"s{number}").add_link(router)


def setup_module(mod):
    tgen = Topogen(build_topo, mod.__name__)
    tgen.start_topology()
    multihome.load(tgen.gears["r1"], f"{CWD}/r1/frr.conf")
    tgen.start_router()


def teardown_module():
    get_topogen().stop_topology()


def running(router):
    return router.vtysh_cmd("show running-config")


def block(text):
    """The lines of `router multihome` in a configuration."""
    lines = text.splitlines()
    start = lines.index("router multihome")
    return lines[start : lines.index("exit", start) + 1]


def test_daemons_run_and_vtysh_knows_them(r1):
    assert r1.check_router_running() == ""
    daemons = r1.vtysh_cmd("show daemons").split()
    assert {"zebra", "staticd", "multihomed"} <= set(daemons)
    assert "FRRouting" in r1.vtysh_cmd("show version")


def test_zebra_has_the_module(r1):
    assert "multihome" in r1.vtysh_cmd("show modules", daemon="zebra")


def test_configuration_of_the_file_is_in_force(r1):
    assert block(running(r1)) == [
        "router multihome",
        " uplink charter",
        "  interface r1-eth0",
        " exit",
        "exit",
    ]
    assert "ip route 198.18.0.0/24 blackhole" in running(r1)


def test_configuration_by_hand_is_printed_back(r1):
    r1.vtysh_cmd("configure terminal\nrouter multihome\nuplink att\ninterface r1-eth9")
    assert "  interface r1-eth9" in block(running(r1))
    r1.vtysh_cmd("configure terminal\nrouter multihome\nno uplink att")
    assert " uplink att" not in block(running(r1))


def test_write_memory_and_boot(r1):
    """What `write memory` wrote, vtysh reads at the next start."""
    before = block(running(r1))
    r1.vtysh_cmd("write memory")
    assert block(r1.run("cat /etc/frr/frr.conf")) == before
    multihome.end_daemon(r1, "multihomed")
    r1.startDaemons(["multihomed"])
    r1.run("vtysh -b")
    wait_for(lambda: block(running(r1)) == before, what="the configuration is back")


def test_stock_commands_are_still_there(r1):
    assert "198.18.0.0/24" in r1.vtysh_cmd("show ip route static")
    assert "% Unknown command" in r1.run('vtysh -c "show no such thing" 2>&1')


def test_clean_stop(r1):
    assert {name for name, _ in r1.net.listDaemons()} == {"zebra", "staticd", "multihomed"}
    assert r1.stop() == ""
    assert r1.net.listDaemons() == []
    for daemon in ("zebra", "multihomed"):
        assert not any(
            word in r1.net.getStdErr(daemon) for word in ("AddressSanitizer", "core_handler")
        )
