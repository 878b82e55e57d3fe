# SPDX-License-Identifier: GPL-2.0-or-later
"""The return of the preferred line: what the flows on the other one notice, and who is moved.

MULTIHOME_RETURNS says how often the line returns (20).
"""

import os

import pytest

from . import BLACKHOLE, Flow, Server, drivers, now_ns, plan, wait_for
from .meters import PORT
from .trial import begins_by, lines_of, lose_cable, running_office

CHARTER, ATT = plan.LINES
RETURNS = int(os.environ.get("MULTIHOME_RETURNS", "20"))
DEAF = 6
FORWARDED = 7000


@pytest.fixture(scope="module")
def office(lab):
    inside = Server(lab, role="lan", addresses=[plan.LAN4_HOST], port=FORWARDED)
    lab.router.nft(
        "table inet forwards {\n  chain inbound { type nat hook prerouting priority dstnat;\n"
        f"    ip daddr {ATT.router4} tcp dport {FORWARDED} dnat ip to {plan.LAN4_HOST}\n  }}\n}}\n"
    )
    with running_office(lab) as driver:
        yield driver
    lab.router.nft("delete table inet forwards\n")
    inside.stop()


def forgive_all(office):
    for line in plan.LINES:
        office.forgive(line)


def states(office, *families):
    lines = office.frr.shown()["lines"]
    return {line["state"] for line in lines if not families or line["family"] in families}


def return_charter(lab, new):
    lab.heal(CHARTER)
    return begins_by(new, CHARTER)


def asked_by_att(traffic, name):
    """A connection from outside, which is forwarded to the LAN's server."""
    return traffic(Flow, "tcp", ATT.router4, role="internet", port=FORWARDED, name=name)


def wait_until_moved(flow, timeout=10):
    def has_moved():
        return lines_of(flow, now_ns() - 200_000_000) == {CHARTER}

    wait_for(has_moved, timeout, what=f"{flow.name} has moved")


def test_nobody_on_the_other_line_notices_the_return(lab, office, new, traffic):
    """NATed UDP and TCP, IPv6, a forwarded connection: all on att while charter comes and goes."""
    lose_cable(lab, office, new)
    flows = {
        "NATed UDP": traffic(Flow, "udp", plan.INTERNET4, name="udp4"),
        "NATed TCP": traffic(Flow, "tcp", plan.INTERNET4, name="tcp4"),
        "IPv6 TCP": traffic(Flow, "tcp", plan.INTERNET6, bind=ATT.lan_host6(), name="tcp6"),
        "forwarded TCP": asked_by_att(traffic, "inbound"),
    }
    begun = now_ns()
    for flow in flows.values():
        flow.wait_flowing(begun)
    for _ in range(RETURNS):
        return_charter(lab, new)
        lose_cable(lab, office, new)
    last = return_charter(lab, new)
    for name, flow in flows.items():
        flow.wait_flowing(last)
        assert not flow.broken, name
        assert not flow.errors, name
    assert lines_of(flows["NATed UDP"], begun) == {ATT}
    udp = flows["NATed UDP"]
    udp.refresh()
    # A packet every 2 ms, less those that the meter says it was too late to send: none is missing.
    sent = [reply.sent for reply in udp.replies if reply.sent >= begun]
    skipped = sum(ticks for time, ticks in udp.late if sent[0] <= time <= sent[-1])
    missing = round((sent[-1] - sent[0]) / 2_000_000) + 1 - skipped - len(sent)
    assert abs(missing) <= 2, f"{missing} of {len(sent)} echoes are missing"


def test_when_all_lines_were_deaf_flows_wait_for_theirs(lab, office, new, traffic):
    """The line that answers first carries what is new; the other's flows live on when it does."""
    for _ in range(DEAF):
        forgive_all(office)
        office.wait_up()
        begins_by(new, CHARTER)
        flow = traffic(Flow, "tcp", plan.INTERNET4, name="deaf")
        flow.wait_flowing()
        for line in plan.LINES:
            lab.break_line(line, BLACKHOLE)
        wait_for(lambda: states(office, "ipv4") == {"down"}, 20, what="both lines are down")
        for line in reversed(plan.LINES):
            lab.heal(line)
        flow.wait_flowing(now_ns(), 20)
        assert not flow.broken
        flow.stop()
    forgive_all(office)


def test_what_shall_move_moves_and_the_rest_stays(lab, office, new, traffic):
    office.frr.change(f"failback now match udp port {PORT}")
    lose_cable(lab, office, new)
    udp = traffic(Flow, "udp", plan.INTERNET4, name="phone")
    tcp = traffic(Flow, "tcp", plan.INTERNET4, name="download")
    inbound = asked_by_att(traffic, "asked")
    for flow in (udp, tcp, inbound):
        flow.wait_flowing()
    return_charter(lab, new)
    wait_until_moved(udp)
    moved = now_ns()
    for flow in (tcp, inbound):
        flow.wait_flowing(moved)
        assert not flow.broken
    assert lines_of(tcp, moved) == {ATT}
    office.frr.change(f"no failback now match udp port {PORT}")


def test_now_moves_everything_that_can(lab, office, new, traffic):
    office.frr.change("failback now")
    lose_cable(lab, office, new)
    udp = traffic(Flow, "udp", plan.INTERNET4, name="udp-now")
    inbound = asked_by_att(traffic, "in-now")
    for flow in (udp, inbound):
        flow.wait_flowing()
    return_charter(lab, new)
    wait_until_moved(udp)
    inbound.wait_flowing(now_ns())
    assert not inbound.broken, "its address is att's: it cannot move"
    office.frr.change("no failback")


def test_draining_ends_at_the_deadline(lab, office, new, traffic):
    office.frr.change("failback drain deadline 2")
    lose_cable(lab, office, new)
    udp = traffic(Flow, "udp", plan.INTERNET4, name="udp-drain")
    udp.wait_flowing()
    returned = return_charter(lab, new)
    wait_until_moved(udp)
    stayed = [r for r in udp.replies if r.received > returned and plan.line_of(r.source) is ATT]
    assert stayed and stayed[-1].received - returned > 500_000_000, "it stayed for a while"
    office.frr.change("no failback")


def test_the_deadline_outlives_the_daemon(lab, office, new, traffic):
    office.frr.change("failback drain deadline 6")
    lose_cable(lab, office, new)
    udp = traffic(Flow, "udp", plan.INTERNET4, name="udp-crash")
    udp.wait_flowing()
    returned = return_charter(lab, new)
    office.frr.kill("multihomed")
    office.frr.restart("multihomed")
    office.frr.load(drivers.office_configuration(lab, ["probe stable-for 300"]))
    office.frr.change("failback drain deadline 6")
    assert lines_of(udp, returned) == {ATT}
    wait_until_moved(udp, 15)
    office.frr.change("no failback")


def test_never_waits_for_the_present_line_to_fail(lab, office, new):
    office.frr.change("failback never")
    lose_cable(lab, office, new)
    lab.heal(CHARTER)

    wait_for(lambda: states(office) == {"up"}, 20, what="charter is up again")
    assert lines_of_new(new) == {ATT}
    office.frr.vtysh("clear multihome failback")
    begins_by(new, CHARTER)
    office.frr.change("no failback")


def lines_of_new(new):
    since = now_ns()
    wait_for(lambda: len(new.successes(since)) >= 5, what="five new connections")
    return {plan.line_of(source) for _, _, source in new.successes(since)}


def test_a_line_on_standby_carries_only_what_it_has(lab, office, new, traffic):
    flow = traffic(Flow, "tcp", plan.INTERNET4, name="on-charter")
    flow.wait_flowing()
    office.frr.change(f"uplink {CHARTER.name}", "standby")
    moved = begins_by(new, ATT)
    flow.wait_flowing(moved)
    assert not flow.broken and lines_of(flow, moved) == {CHARTER}
    office.frr.change(f"uplink {CHARTER.name}", "no standby")
    begins_by(new, CHARTER)
