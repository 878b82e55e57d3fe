# SPDX-License-Identifier: GPL-2.0-or-later
"""The ready-made hooks of DHCPv6 clients: what they tell for what the client gives them."""

import os
import pathlib
import signal
import subprocess

import pytest

HOOKS = pathlib.Path(__file__).resolve().parent.parent.parent / "hooks"
FIRST, SECOND = "2001:db8:100:20::", "2001:db8:100:40::"


@pytest.fixture
def run_hook(tmp_path):
    """run(hook, arguments, environment) -> the commands that it gave to vtysh."""
    log = tmp_path / "log"
    vtysh = tmp_path / "vtysh"
    vtysh.write_text(f'#!/bin/sh\n[ "$1" = -c ] && echo "$2" >>{log}\n')
    vtysh.chmod(0o755)

    def run(argv, environment, vtysh_path=vtysh):
        log.write_text("")
        everything = {"PATH": os.environ["PATH"], "VTYSH": str(vtysh_path), **environment}
        done = subprocess.run(argv, env=everything, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return log.read_text().splitlines()

    return run


def pd(which, number, prefix):
    name = f"{which}_dhcp6_ia_pd1_prefix{number}"
    of_it = {"length": "59", "pltime": "1800", "vltime": "3600"}
    return {name: prefix, **{f"{name}_{key}": value for key, value in of_it.items()}}


def dhcpcd(run_hook, reason, environment, **options):
    """dhcpcd sources its hooks, and has a function syslog."""
    script = f"syslog() {{ echo \"$@\" >&2; }}; . {HOOKS}/dhcpcd; echo alive"
    return run_hook(["sh", "-ec", script], {"reason": reason, "interface": "eth2", **environment},
                    **options)  # fmt: skip


def test_dhcpcd_tells_what_is_delegated(run_hook):
    told = dhcpcd(run_hook, "BOUND6", {**pd("new", 1, FIRST), **pd("new", 2, SECOND)})
    assert told == [
        f"multihome prefix add interface eth2 {FIRST}/59 preferred 1800 valid 3600",
        f"multihome prefix add interface eth2 {SECOND}/59 preferred 1800 valid 3600",
    ]


def test_dhcpcd_takes_back_what_a_new_lease_lacks(run_hook):
    told = dhcpcd(run_hook, "RENEW6", {**pd("new", 1, SECOND), **pd("old", 1, FIRST)})
    assert told == [
        f"multihome prefix add interface eth2 {SECOND}/59 preferred 1800 valid 3600",
        f"multihome prefix del interface eth2 {FIRST}/59",
    ]
    told = dhcpcd(run_hook, "RENEW6", {**pd("new", 1, FIRST), **pd("old", 1, FIRST)})
    assert len(told) == 1, "a renewal takes nothing back"


def test_dhcpcd_tells_of_one_that_a_reply_ends(run_hook):
    """What dhcpcd 9.4.1 gives when dhcpd has another prefix: both are in the new lease."""
    ended = pd("new", 1, FIRST) | {
        f"new_dhcp6_ia_pd1_prefix1_{word}": "0" for word in ("pltime", "vltime")
    }
    told = dhcpcd(run_hook, "REBIND6", {**ended, **pd("new", 2, SECOND), **pd("old", 1, FIRST)})
    assert told == [
        f"multihome prefix add interface eth2 {SECOND}/59 preferred 1800 valid 3600",
        f"multihome prefix add interface eth2 {FIRST}/59 preferred 0 valid 0",
    ]


@pytest.mark.parametrize("reason", ["EXPIRE6", "RELEASE6", "STOP6"])
def test_dhcpcd_takes_back_all_at_the_end(run_hook, reason):
    told = dhcpcd(run_hook, reason, pd("old", 1, FIRST))
    assert told == [f"multihome prefix del interface eth2 {FIRST}/59"]


def test_dhcpcd_says_nothing_of_other_matters(run_hook):
    assert dhcpcd(run_hook, "BOUND", pd("new", 1, FIRST)) == []


def test_dhcpcd_lives_when_vtysh_fails(run_hook):
    assert dhcpcd(run_hook, "BOUND6", pd("new", 1, FIRST), vtysh_path="/bin/false") == []


@pytest.fixture
def odhcp6c(run_hook, tmp_path):
    """odhcp6c(state, prefixes, ...) -> what the hook told."""

    def call(action, prefixes, **options):
        environment = {"PREFIXES": prefixes, "STATE": str(tmp_path / "state")}
        return run_hook([str(HOOKS / "odhcp6c"), "eth2", action], environment, **options)

    return call


def added(prefix, preferred, valid):
    lifetimes = f"preferred {preferred} valid {valid}"
    return f"multihome prefix add interface eth2 {prefix}/59 {lifetimes}"


def test_odhcp6c_tells_and_takes_back(odhcp6c):
    assert odhcp6c("bound", f"{FIRST}/59,1800,3600,class=1 {SECOND}/59,10,20") == [
        added(FIRST, 1800, 3600),
        added(SECOND, 10, 20),
    ]
    assert odhcp6c("updated", f"{SECOND}/59,10,20") == [
        added(SECOND, 10, 20),
        f"multihome prefix del interface eth2 {FIRST}/59",
    ]
    assert odhcp6c("unbound", "") == [f"multihome prefix del interface eth2 {SECOND}/59"]
    assert odhcp6c("stopped", "") == []


@pytest.mark.parametrize("state", ["bound", "informed", "updated", "rebound", "ra-updated"])
def test_odhcp6c_says_more_of_a_prefix_than_is_told(odhcp6c, state):
    """As its script.c writes it since 2024: T1 and T2, an association that is not 1, RFC 6603."""
    more = "1800,3600,900,1440,class=00000002,excluded=2001:db8:100:21::/64"
    assert odhcp6c(state, f"{FIRST}/59,{more}") == [added(FIRST, 1800, 3600)]


def test_odhcp6c_tells_last_of_one_that_a_reply_ends(odhcp6c):
    told = odhcp6c("updated", f"{FIRST}/59,0,0,0,0 {SECOND}/59,1800,3600,900,1440")
    assert told == [added(SECOND, 1800, 3600), added(FIRST, 0, 0)]


def test_odhcp6c_may_end_the_hook_when_it_has_more_to_tell(odhcp6c, tmp_path):
    deadly = tmp_path / "deadly"
    deadly.write_text(f"#!/bin/sh\nkill $(cat {tmp_path}/pid)\n")
    deadly.chmod(0o755)
    hook = ["sh", "-c", f'echo $$ >{tmp_path}/pid; exec {HOOKS}/odhcp6c eth2 bound']
    environment = {"PATH": os.environ["PATH"], "VTYSH": str(deadly), "PREFIXES": f"{FIRST}/59,9,9",
                   "STATE": str(tmp_path / "state")}  # fmt: skip
    assert subprocess.run(hook, env=environment, check=False).returncode == -signal.SIGTERM
    assert odhcp6c("updated", f"{SECOND}/59,1800,3600") == [
        added(SECOND, 1800, 3600),
        f"multihome prefix del interface eth2 {FIRST}/59",
    ]
