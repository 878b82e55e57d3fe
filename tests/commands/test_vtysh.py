# SPDX-License-Identifier: GPL-2.0-or-later
"""Our vtysh between zebra and multihomed: what one of them refuses does not reach the other."""
import subprocess

import pytest

from lab import Lab
from lab.frr import Frr

# `interface` and `shutdown` are also commands of FRR's own, outside `router multihome`
REFUSED = """router multihome
 uplink {name}
  interface eth3
  ip gateway 192.0.2.1
  shutdown
 exit
 uplink att
  interface eth2.4
 exit
exit
"""
KEPT = ["router multihome", " uplink att", "  interface eth2.4", " exit", "exit"]


@pytest.fixture
def lab():
    with Lab.create() as lab:
        yield lab


@pytest.fixture
def frr(lab):
    frr = Frr(lab)
    frr.start_zebra()
    frr.start_multihomed()
    yield frr
    frr.stop_all()


def vtysh(lab, frr, *arguments, typed=None):
    argv = lab.router.argv([str(frr.vtysh_path), "-N", frr.pathspace, *arguments])
    return subprocess.run(argv, input=typed, capture_output=True, text=True, timeout=60)


def block(frr):
    lines = frr.vtysh("show running-config").splitlines()
    assert not any(line.startswith("interface ") for line in lines)
    start = lines.index("router multihome")
    return lines[start : lines.index("exit", start) + 1]


@pytest.mark.parametrize("name", ["main", "two words", "caf\u00e9"])
@pytest.mark.parametrize("way", ["file", "paste"])
def test_a_refused_uplink_leaves_interfaces_and_other_uplinks_alone(lab, frr, name, way):
    text = REFUSED.format(name=name)
    if way == "file":
        (frr.config_directory / "frr.conf").write_text(text)
        assert vtysh(lab, frr, "-b").returncode != 0
    else:
        vtysh(lab, frr, typed="configure terminal\n" + text)
    assert block(frr) == KEPT
    assert "UP" in lab.router.run("ip", "link", "show", "eth3").split(">")[0].split(",")
