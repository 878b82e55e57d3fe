# SPDX-License-Identifier: GPL-2.0-or-later
"""The lab proves itself: every instrument is shown something that it must report.

A counter that cannot count, a fault that breaks nothing or a meter that sees no gap would make
every other test of this project worthless.
"""

import os
import pathlib
import signal
import statistics
import subprocess
import sys

import pytest

from . import (
    BLACKHOLE,
    CABLE,
    FAULTS,
    SILENT,
    Connector,
    Flow,
    Kernel,
    Lab,
    LabBusy,
    Ledger,
    Server,
    Timeout,
    drivers,
    now_ns,
    plan,
    stays,
    wait_for,
)
from .ledger import signal_process, start_time
from .meters import RunningTime, longest_gap
from .netns import Namespace

CHARTER, ATT = plan.LINES


@pytest.fixture
def by_hand(lab):
    driver = drivers.ByHand().start(lab)
    lab.reset_counters()
    yield driver
    driver.stop()


@pytest.fixture
def spoofer(lab):
    """A router that sends everything by charter, translates nothing and guards nothing."""
    lab.router.batch(
        [
            f"route add default via {CHARTER.gateway4} dev {CHARTER.interface}",
            f"route add default via {CHARTER.gateway6} dev {CHARTER.interface}",
        ]
    )
    lab.reset_counters()
    yield lab
    lab.router.batch(["route del default"])
    lab.router.batch(["route del default"], family=6)


def ping(lab, role, target, source=None):
    """Whether one echo comes back."""
    argv = ["ping", "-n", "-c1", "-W1", *(["-I", source] if source else []), target]
    return ", 1 received" in lab[role].run(*argv, check=False)


# -- the providers' filters -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "source", "target", "counter"),
    [
        ("srv", ATT.server(4), plan.INTERNET4, "wrong4"),
        ("lan", ATT.lan_host6(), plan.INTERNET6, "wrong6"),
        ("lan", plan.LAN4_HOST, plan.INTERNET4, "private4"),
        ("lan", plan.LAN6_HOST, plan.INTERNET6, "private6"),
    ],
)
def test_wrong_source_is_dropped_and_counted(spoofer, role, source, target, counter):
    assert not ping(spoofer, role, target, source)
    assert spoofer.spoofed() == {("charter", counter): 1}
    assert [o[:2] for o in spoofer.offenders("charter")] == [(source, target)]


def test_own_sources_pass_and_are_not_counted(spoofer):
    assert ping(spoofer, "srv", plan.INTERNET4, CHARTER.server(4))
    assert ping(spoofer, "lan", plan.INTERNET6, CHARTER.lan_host6())
    assert ping(spoofer, "router", plan.INTERNET4)
    counters = spoofer.counters("charter")
    assert (counters["good4"], counters["good6"]) == (2, 1)
    assert spoofer.spoofed() == {}


def test_reset_sets_the_counters_to_zero(spoofer):
    ping(spoofer, "lan", plan.INTERNET4)
    assert spoofer.spoofed()
    spoofer.reset_counters()
    assert not any(spoofer.counters("charter").values())
    assert spoofer.offenders("charter") == []


# -- faults ---------------------------------------------------------------------------------------


def carrier(lab, line):
    return "LOWER_UP" in Kernel(lab.router).links()[line.interface]["flags"]


def test_pulled_cable_takes_the_carrier_and_gives_it_back(by_hand, lab):
    lab.pull_cable("charter")
    assert not carrier(lab, CHARTER) and carrier(lab, ATT)
    assert not ping(lab, "router", CHARTER.gateway4, CHARTER.interface)
    lab.heal("charter")
    assert carrier(lab, CHARTER)
    for gateway in (CHARTER.gateway4, CHARTER.gateway6):
        wait_for(lambda to=gateway: ping(lab, "router", to), what=f"{gateway} answers again")


def test_silent_gateway_keeps_the_carrier_and_answers_nothing(by_hand, lab):
    lab.silent_gateway("att")
    assert carrier(lab, ATT)
    lab.router.ip("neigh", "flush", "dev", ATT.interface)
    assert not ping(lab, "router", ATT.gateway4)
    states = {n["dst"]: n["state"] for n in Kernel(lab.router).neighbours(4)}
    assert states[ATT.gateway4] in (["INCOMPLETE"], ["FAILED"])
    assert ping(lab, "router", CHARTER.gateway4)
    lab.heal("att")
    for family in (4, 6):  # the neighbour entry needs up to a second to recover
        wait_for(lambda f=family: ping(lab, "router", ATT.gateway(f)), what=f"IPv{family} answer")


def test_blackhole_answers_for_itself_only(by_hand, lab):
    lab.blackhole("charter")
    assert ping(lab, "router", CHARTER.gateway4) and ping(lab, "router", CHARTER.gateway6)
    output = lab.router.run(
        *f"ping -n -c1 -W1 -I {CHARTER.router4} {plan.TARGETS4[0]}".split(), check=False
    )
    assert ", 0 received" in output and "nreachable" not in output
    assert ping(lab, "router", plan.TARGETS4[0], ATT.router4)
    lab.heal("charter")
    assert ping(lab, "router", plan.TARGETS6[0], CHARTER.router6)


@pytest.mark.parametrize("fault", FAULTS)
def test_meter_measures_the_fault(by_hand, lab, fault):
    """A flow that has nowhere else to go is silent for exactly as long as its line is."""
    server = Server(lab)
    flow = Flow(lab, "udp", plan.INTERNET6, bind=CHARTER.lan_host6())
    other = Flow(lab, "udp", plan.INTERNET6, bind=ATT.lan_host6(), name="other")
    try:
        flow.wait_flowing()
        other.wait_flowing()
        broken = lab.break_line("charter", fault)
        stays(lambda: flow.gap(broken.at).start < broken.at + 5e6, 0.3, "silence")
        assert flow.gap(broken.at).is_open
        healed = lab.heal("charter")
        back = flow.wait_flowing(healed.at)
        gap = flow.gap(broken.at)
        assert gap.end == back and not gap.is_open
        assert -300e6 < gap.start - broken.before < 10e6, "the gap begins with the fault"
        assert 0 <= gap.end - healed.before < 1200e6, "and ends soon after the heal"
        assert server.gap(flow, broken.at).ms > 290
        meanwhile = other.round_trips_ms(broken.at, healed.before)
        assert len(meanwhile) > 20, "the other line is untouched"
        assert flow.sources() == {CHARTER.lan_host6(): len(flow.times)}
    finally:
        for meter in (flow, other, server):
            meter.stop()
    assert lab.spoofed() == {}


def test_loss_is_about_what_was_asked(by_hand, lab):
    lab.lose("charter", 50)
    output = lab.router.run(
        *f"ping -n -q -c200 -i0.002 -W1 -I {CHARTER.router4} {plan.INTERNET4}".split(), check=False
    )
    lab.lose("charter", 0)
    received = int(output.split(" received")[0].split()[-1])
    assert 20 <= received <= 85, output  # echo and reply are lost alike: a quarter survives
    assert ping(lab, "router", plan.INTERNET4, CHARTER.router4)


# -- meters ---------------------------------------------------------------------------------------


def median_distance_ms(times):
    """Of neighbours: whatever the machine did for a while, this is the meter's own pace."""
    return statistics.median(b - a for a, b in zip(times, times[1:])) / 1e6


def test_meters_keep_their_time(by_hand, lab):
    server = Server(lab)
    meters = [
        Flow(lab, "udp", plan.INTERNET4),
        Flow(lab, "tcp", plan.INTERNET4),
        Flow(lab, "udp", plan.INTERNET6, bind=ATT.lan_host6()),
        Connector(lab, plan.INTERNET4),
    ]
    try:
        for flow in meters[:3]:
            flow.wait_flowing()
        begun = meters[3].wait_working()
        wait_for(lambda: len(meters[0].round_trips_ms(begun)) >= 500, what="500 echoes")
        for flow in meters[:3]:
            flow.refresh()
        paces = [median_distance_ms(flow.times) for flow in meters[:3]]
        paces.append(median_distance_ms([good[0] for good in meters[3].successes()]))
        for pace, interval in zip(paces, (2, 10, 2, 20)):
            assert interval / 2 < pace < interval * 2, paces
        assert server.sources().keys() == {CHARTER.router4, ATT.lan_host6()}
        assert plan.line_of(CHARTER.router4) is CHARTER
    finally:
        for meter in (*meters, server):
            meter.stop()


def test_new_connections_fail_in_a_blackhole_and_work_again(by_hand, lab):
    server = Server(lab)
    connector = Connector(lab, plan.INTERNET4, timeout_ms=200)
    flow = Flow(lab, "tcp", plan.INTERNET4)
    try:
        connector.wait_working()
        flow.wait_flowing()
        broken = lab.blackhole("charter")
        wait_for(lambda: connector.failures(broken.at), what="a connection that fails")
        moved = by_hand.prefer("att")
        begun = connector.wait_working(moved)
        gap = connector.gap(broken.at)
        assert 180 < gap.ms < 1000 and gap.end <= begun + 40e6
        assert set(s for _, _, s in connector.successes(moved)) == {ATT.router4}
        wait_for(lambda: flow.refresh() or flow.broken, what="the old connection is broken")
    finally:
        lab.heal("charter")
        for meter in (connector, flow, server):
            meter.stop()


def test_longest_gap():
    times = [10, 20, 30, 90, 100]
    assert longest_gap(times, 25, 100).ms == 60 / 1e6
    assert (longest_gap(times, 40, 95).start, longest_gap(times, 40, 95).end) == (30, 90)
    assert longest_gap(times, 100, 500).is_open
    assert not longest_gap(times, 25, 100).is_open
    assert longest_gap([], 0, 7) == longest_gap([100], 0, 7)
    assert longest_gap([], 0, 7).is_open


# -- peers ----------------------------------------------------------------------------------------


PEERS = [drivers.KernelAlone(), drivers.FrrStatic()]


@pytest.mark.parametrize("driver", PEERS, ids=lambda d: d.name)
def test_peer_leaves_a_pulled_cable_but_not_a_silent_gateway(driver):
    with Lab.create(f"p{os.getpid()}") as lab:
        driver.start(lab)
        Server(lab)
        flow = Flow(lab, "udp", plan.INTERNET4)
        flow6 = Flow(lab, "udp", plan.INTERNET6, bind=CHARTER.lan_host6())
        flow.wait_flowing()
        flow6.wait_flowing()
        broken = lab.pull_cable("charter")
        flow.wait_flowing(broken.at)
        assert flow.gap(broken.at).ms < 1000
        assert ATT.router4 in flow.sources(broken.at)
        wait_for(lambda: lab.counters("att")["wrong6"] > 0, what="IPv6 leaks by the other line")
        healed = lab.heal("charter")
        wait_for(lambda: CHARTER.router4 in flow.sources(healed.at), what="return")
        silent = lab.silent_gateway("charter")
        stays(lambda: flow.gap(silent.at).start < silent.at + 20e6, 0.5)
        assert flow.gap(silent.at).is_open
        driver.stop()
        assert not lab.router.ip("route", "show", "default")


# -- leftovers ------------------------------------------------------------------------------------

_VICTIM = """
import sys, time
sys.path.insert(0, {path!r})
from lab import Lab, Server
lab = Lab.create({name!r})
print(Server(lab).process.pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def victim():
    """A run that owns a lab, in a process of its own: (process, name, pid of its server)."""
    name = f"v{os.getpid()}"
    path = str(pathlib.Path(__file__).parents[1])
    process = subprocess.Popen(
        [sys.executable, "-c", _VICTIM.format(path=path, name=name)],
        stdout=subprocess.PIPE,
        text=True,
    )
    yield process, name, int(process.stdout.readline())
    process.kill()
    process.wait()
    process.stdout.close()
    Ledger.claim(name).release()


def test_a_killed_run_is_cleaned_by_the_next(victim):
    process, name, server = victim
    with pytest.raises(LabBusy):
        Lab.create(name)
    assert name not in Ledger.sweep()
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert start_time(server) is not None and Namespace(f"mh{name}-router").exists()
    with Lab.create(name) as lab:
        assert start_time(server) is None
        assert lab.router.exists()
    assert not lab.router.exists()
    assert name not in Ledger.existing()


def test_a_kept_lab_stays_until_it_is_cleaned():
    name = f"k{os.getpid()}"
    try:
        with Lab.create(name) as lab:
            server = Server(lab).process.pid
            lab.keep()
        assert start_time(server) is not None and lab.router.exists()
        assert name not in Ledger.sweep()
    finally:
        Ledger.claim(name).release()
    assert start_time(server) is None and not lab.router.exists()
    assert name not in Ledger.existing()


def test_sweep_removes_what_dead_runs_left(victim):
    process, name, server = victim
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert name in Ledger.sweep()
    assert start_time(server) is None and not Namespace(f"mh{name}-isp-att").exists()


def test_a_process_is_only_ended_with_its_own_start_time():
    child = subprocess.Popen(["sleep", "60"])
    try:
        started = start_time(child.pid)
        assert not signal_process(child.pid, started + 1, signal.SIGKILL)
        assert child.poll() is None
        assert signal_process(child.pid, started, signal.SIGKILL)
    finally:
        child.kill()
        child.wait()
    assert not signal_process(child.pid, started, signal.SIGKILL)


def test_wait_for_says_what_it_saw():
    with pytest.raises(Timeout, match="three.*last seen: .*2"):
        wait_for(lambda: (_ for _ in ()).throw(RuntimeError("2")), 0.05, what="three")


def test_faults_are_named():
    assert FAULTS == (CABLE, SILENT, BLACKHOLE)
    assert now_ns() > 0


def test_running_time_leaves_out_what_the_machine_stood_still():
    ms = 1_000_000
    echoes = [0, 2 * ms, 4 * ms, 104 * ms, 106 * ms]
    time = RunningTime(echoes)
    assert time(104 * ms) - time(4 * ms) == 2.5 * ms
    assert time(106 * ms) - time(0) == 8.5 * ms
    assert time(200 * ms) - time(106 * ms) == 2.5 * ms
    assert time(-ms) == 0
