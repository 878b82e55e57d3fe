# SPDX-License-Identifier: GPL-2.0-or-later
"""Flow affinity in the office: what began on a line stays there, an answer leaves as it came."""

import pytest

from . import Connector, Flow, Kernel, Server, drivers, plan, wait_for
from .trial import begins_by, lines_of, lose_cable, running_office

CHARTER, ATT = plan.LINES
MASK = 0x3F000000


@pytest.fixture(scope="module", params=["module", "stock"])
def office(lab, request):
    with running_office(lab, with_module=request.param == "module") as driver:
        yield driver


@pytest.mark.parametrize("kind", ["udp", "tcp"])
def test_a_flow_stays_where_it_began_when_the_preferred_line_returns(lab, office, traffic, kind):
    new = traffic(Connector, plan.INTERNET4)
    lose_cable(lab, office, new)
    flow = traffic(Flow, kind, plan.INTERNET4)
    begun = flow.wait_flowing()
    lab.heal(CHARTER)
    returned = begins_by(new, CHARTER)
    flow.wait_flowing(returned)
    assert lines_of(flow, begun) == {ATT}
    assert not flow.broken


def test_flows_of_a_dead_line_move_and_the_others_stay(lab, office, traffic):
    new = traffic(Connector, plan.INTERNET4)
    lose_cable(lab, office, new)
    other = traffic(Flow, "tcp", plan.INTERNET4, name="on-att")
    other.wait_flowing()
    lab.heal(CHARTER)
    begins_by(new, CHARTER)
    flow = traffic(Flow, "udp", plan.INTERNET4, name="on-charter")
    flow.wait_flowing()
    broken, moved = lose_cable(lab, office, new)
    wait_for(lambda: ATT in lines_of(flow, broken), what="the flow has moved")
    other.wait_flowing(moved)
    assert not other.broken and lines_of(other, 0) == {ATT}
    lab.heal(CHARTER)
    begins_by(new, CHARTER)


@pytest.mark.parametrize("family", [4, 6])
def test_an_answer_leaves_by_the_line_on_which_the_question_came(lab, traffic, family):
    """Both lines' port 7000 is forwarded to the LAN host; charter is preferred throughout."""
    inside = plan.LAN4_HOST if family == 4 else plan.LAN6_HOST
    word = "ip" if family == 4 else "ip6"
    server = Server(lab, role="lan", addresses=[inside], port=7000)
    owns = ", ".join(line.router(family) for line in plan.LINES)
    lab.router.nft(
        "table inet forwards {\n  chain inbound { type nat hook prerouting priority dstnat;\n"
        f"    {word} daddr {{ {owns} }} tcp dport 7000 dnat {word} to {inside}\n  }}\n}}\n"
    )
    try:
        for line in (ATT, CHARTER):
            asked = traffic(
                Flow, "tcp", line.router(family), role="internet", port=7000, name=f"in-{line.name}"
            )
            asked.wait_flowing()
            assert not asked.broken
    finally:
        lab.router.nft("delete table inet forwards\n")
        server.stop()


def test_other_bits_of_marks_are_left_alone(lab, traffic):
    lab.router.nft(
        "table inet marker {\n  counter lost { }\n"
        "  chain m { type filter hook prerouting priority raw;\n"
        '    iifname "eth1" meta mark set 0x4001\n  }\n'
        "  chain c { type filter hook postrouting priority 0;\n"
        '    iifname "eth1" ct mark set ct mark | 0x8002\n'
        '    iifname "eth1" meta mark & 0xffff != 0x4001 counter name lost\n  }\n}\n'
    )
    try:
        flow = traffic(Flow, "udp", plan.INTERNET4, name="marked")
        flow.wait_flowing()
        marks = {
            entry["mark"]
            for entry in Kernel(lab.router).conntrack(4)
            if entry.get("mark", 0) & 0x8002
        }
        assert marks and all(mark & 0xFFFF == 0x8002 and mark & MASK for mark in marks)
        text = lab.router.run("nft", "list", "counter", "inet", "marker", "lost")
        assert "packets 0 " in text
    finally:
        lab.router.nft("delete table inet marker\n")


def test_marks_outlive_the_daemon(lab, office, traffic):
    new = traffic(Connector, plan.INTERNET4)
    lose_cable(lab, office, new)
    flow = traffic(Flow, "tcp", plan.INTERNET4, name="long")
    begun = flow.wait_flowing()
    office.frr.kill("multihomed")
    office.frr.restart("multihomed")
    office.frr.load(drivers.office_configuration(lab, ["probe stable-for 300"]))
    lab.heal(CHARTER)
    returned = begins_by(new, CHARTER)
    flow.wait_flowing(returned)
    assert not flow.broken and lines_of(flow, begun) == {ATT}
