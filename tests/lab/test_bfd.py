# SPDX-License-Identifier: GPL-2.0-or-later
"""BFD with the providers' gateways, by FRR's bfdd on both ends."""

import json

import pytest

from . import SILENT, drivers, plan, wait_for
from .frr import Frr

CHARTER, ATT = plan.LINES
FAST = "profile quick\n detect-multiplier 3\n receive-interval 50\n transmit-interval 50\n"


@pytest.fixture(scope="module")
def office(lab):
    """charter's provider speaks BFD with us, att's does not."""
    provider = Frr(lab, role=f"isp-{CHARTER.name}")
    provider.start_zebra()
    provider.start("bfdd")
    peers = "".join(
        f" peer {CHARTER.router(family)} local-address {CHARTER.gateway(family)}\n"
        "  profile quick\n  no shutdown\n exit\n"
        for family in (4, 6)
    )
    provider.configure(f"bfd\n {FAST} exit\n{peers}exit\n")
    # Probes that would not notice for a minute: what is noticed, BFD has noticed.
    patient = ["probe interval 10000", "probe timeout 20000", "probe stable-for 300"]
    text = drivers.office_configuration(lab, [*patient, "bfd profile quick"])
    driver = drivers.Multihomed(configuration=text)
    driver.with_bfd = FAST
    driver.start(lab)
    driver.frr.configure("debug bfd zebra")
    yield driver
    driver.stop()
    provider.stop_all()


def lines(office, uplink):
    return office.frr.shown(f"uplink {uplink}")["uplinks"][0]["lines"]


def wait_for_both(office, timeout, what, bfd=None, state=None):
    """Until charter's lines of both families have this, as far as it is given."""

    def is_so(line):
        return bfd in (None, line["bfd"]) and state in (None, line["line"]["state"])

    def are_so():
        return [is_so(line) for line in lines(office, "charter")] == [True, True]

    wait_for(are_so, timeout, what=what)


def test_a_gateway_that_falls_silent_is_noticed_by_bfd(lab, office):
    wait_for_both(office, 20, "both sessions are up", bfd="up")
    assert [line["bfd"] for line in lines(office, "att")] == ["pending", "pending"]
    assert all(line["line"]["state"] == "up" for line in lines(office, "att"))
    lab.break_line(CHARTER, SILENT)
    wait_for_both(office, 5, "charter is down", state="down")
    for line in lines(office, "charter"):
        assert line["line"]["fault"] == "gateway"
        assert "BFD with gateway" in line["line"]["reason"]
    lab.heal(CHARTER)
    wait_for_both(office, 30, "charter is back", state="up")


def test_without_bfdd_its_last_word_is_worth_nothing(lab, office):
    """However it ends: a session that was up does not stay up, a line that was down not down."""

    def has(states, remark):
        now = lines(office, "charter")
        said = [any("bfdd does not run" in each for each in line["remarks"]) for line in now]
        return [line["bfd"] for line in now] == states and said == [remark, remark]

    def come_back():
        office.frr.restart("bfdd")
        office.frr.configure(f"bfd\n{FAST}")
        office.frr.configure("debug bfd zebra")
        wait_for(lambda: has(["up", "up"], False), 30, what="both sessions are up again")

    office.forgive(CHARTER)
    wait_for(lambda: has(["up", "up"], False), 20, what="both sessions are up")
    office.frr.stop("bfdd")
    wait_for(lambda: has(["pending", "pending"], True), 2, what="bfdd's end is noticed")
    assert "bfdd=yes in /etc/frr/daemons" in office.frr.vtysh("show multihome uplink charter")
    assert all(line["line"]["state"] == "up" for line in lines(office, "charter"))
    come_back()

    lab.break_line(CHARTER, SILENT)
    wait_for_both(office, 5, "charter is down", state="down")
    office.frr.kill("bfdd")
    lab.heal(CHARTER)
    wait_for(lambda: has(["pending", "pending"], True), 2, what="bfdd's crash is noticed")
    wait_for_both(office, 30, "probes have taken charter back", state="up")
    come_back()


def asked_for(office):
    return office.frr.log_text("bfdd").count("ptm-add-dest")


def test_sessions_outlive_zebra_and_end_with_the_configuration(lab, office):
    asked = asked_for(office)
    office.frr.restart("zebra")
    # bfdd, too, has to find zebra again; what is said before that is lost on it.
    wait_for(lambda: asked_for(office) >= asked + 4, 60, "all sessions have been asked for again")
    wait_for_both(office, 30, "both sessions are up again", bfd="up")
    office.frr.change("uplink charter", "no bfd")
    wait_for_both(office, 5, "no session", bfd="")

    def no_peers():
        peers = json.loads(office.frr.vtysh("show bfd peers json"))
        return not [peer for peer in peers if peer["peer"] == CHARTER.gateway4]

    wait_for(no_peers, 5, what="bfdd has forgotten the session")
