# SPDX-License-Identifier: GPL-2.0-or-later
"""The commands as FRR's own parser sees them: mh-vty-test, and what docs/commands.md promises."""
import json
import os
import pathlib
import random
import re
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
REFERENCE = TOP / "docs" / "commands.md"
BLOCKS = (" uplink ", " probe profile ", " ipv6 advertise ")
# enum cmd_return_code
SUCCESS, WARNING, NO_MATCH, CONFIG_FAILED = 0, 1, 2, 13


def listed(text):
    """The parts of a list that takes several lines."""
    return [" ".join(part.split()) for part in text.split(",")]


class Vty:
    """One session with mh-vty-test."""

    def __init__(self):
        program = pathlib.Path(os.environ["MULTIHOME_BUILD"], "tests", "commands", "mh-vty-test")
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def raw(self, line: bytes):
        self.process.stdin.write(line.replace(b"\n", b" ") + b"\n")
        self.process.stdin.flush()
        printed = b""
        while True:
            answer = self.process.stdout.readline()
            assert answer, f"it died of {line!r}"
            text, mark, result = answer.rpartition(b"\x1e")
            printed += text if mark else answer
            if mark:
                return int(result.split()[0]), printed.decode(errors="surrogateescape")

    def run(self, line):
        return self.raw(line.encode())

    def accept(self, *lines):
        for line in lines:
            result, printed = self.run(line)
            assert (result, printed) == (SUCCESS, ""), line

    def running_config(self):
        """The block of `show running-config`, without exits."""
        result, printed = self.run("do show running-config")
        assert result == SUCCESS
        lines = printed.splitlines()
        if "router multihome" not in lines:
            return []
        start = lines.index("router multihome")
        return lines[start : lines.index("exit", start)]

    def enter(self, uplink=None):
        self.run("!config")
        self.accept("router multihome")
        if uplink:
            self.accept(f"uplink {uplink}")

    def close(self):
        self.process.stdin.close()
        assert self.process.wait(10) == 0


@pytest.fixture
def vty():
    session = Vty()
    yield session
    session.close()


def blocks(kind):
    """The fenced blocks of the reference that are marked ```<kind>."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", REFERENCE.read_text(), re.M | re.S)


def type_config(vty, text):
    vty.run("!config")
    vty.accept(*[line for line in text.splitlines() if line.strip()])
    vty.run("!config")


def take_back(vty, lines):
    """`no <the full line>` for every line of a running configuration, the last first."""
    block = None
    inside = []
    for line in lines:
        if line.startswith(BLOCKS):
            block = line.strip()
        elif line.strip() != "exit" and line.startswith(" "):
            inside.append((block if line.startswith("  ") else None, line.strip()))
    for block, line in reversed(inside):
        vty.enter()
        if block:
            vty.accept(block)
        vty.accept(line[3:] if line.startswith("no ") else f"no {line}")


def test_every_example_of_the_reference_is_accepted_and_printed(vty):
    examples = blocks("config")
    assert len(examples) > 5
    for example in examples:
        type_config(vty, example)
        typed = [line.rstrip() for line in example.splitlines() if line.strip() not in ("", "exit")]
        printed = [line for line in vty.running_config() if line.strip() != "exit"]
        assert sorted(printed) == sorted(typed), example
        vty.accept("no router multihome")


def test_every_line_can_be_taken_back_as_it_stands(vty):
    for example in blocks("config"):
        type_config(vty, example)
        take_back(vty, vty.running_config())
        names = [line for line in vty.running_config() if line.startswith(BLOCKS)]
        left = [line for line in vty.running_config()[1:] if line.strip() != "exit"]
        assert left == names, example
        vty.run("!config")
        vty.accept("no router multihome")


def test_values_after_no_may_be_left_out(vty):
    vty.enter()
    for line in ("table-base", "rule-priority", "last-resort"):
        vty.accept(f"no {line}")
    vty.enter("charter")
    for line in listed("""interface, description, preference, weight, table, shutdown, ip gateway,
                       ipv6 gateway, ip nat, ipv6 nat, probe interval, probe timeout,
                       probe fail-after, probe stable-for"""):
        vty.accept(f"no {line}")


def test_no_ipv6_nat_takes_back_prefixes_too_and_its_kinds_only_themselves(vty):
    def has():
        return [line.strip() for line in vty.running_config() if " nat" in line]

    vty.enter("charter")
    learned = "ipv6 nat prefix auto inside fd00:1::/64"
    fixed = "ipv6 nat prefix 2001:db8:2::/64 inside fd00:2::/64"
    vty.accept(learned, fixed, "ipv6 nat masquerade", "no ipv6 nat masquerade")
    assert has() == [learned, fixed]
    vty.accept("ipv6 nat masquerade", "no ipv6 nat prefix auto")
    assert has() == [fixed, "ipv6 nat masquerade"]
    vty.accept("no ipv6 nat")
    assert not has()


def test_refusals_are_those_of_the_reference(vty):
    rows = re.findall(r"^\| `([^`]+)` \| `(% [^`]+)` \|", REFERENCE.read_text(), re.M)
    assert len(rows) > 8
    vty.enter("other")
    vty.accept("interface eth9", "table 2000", "ip source 192.0.2.0/24")
    before = None
    for line, message in rows:
        vty.enter("charter")
        before = before or vty.running_config()
        result, printed = vty.run(line)
        assert (result, printed) == (CONFIG_FAILED, message + "\n"), line
        assert vty.running_config() == before


def test_what_is_out_of_range_is_no_command(vty):
    vty.enter("charter")
    for line in listed("""preference 65536, weight 0, weight 256, table 0, probe interval 9,
                       probe interval 60001, probe timeout 9, probe fail-after 0,
                       probe fail-after 101, probe stable-for 3600001, weight, ip gateway,
                       ip nat source, ipv6 source 10.0.0.0/8"""):
        result, _ = vty.run(line)
        assert result not in (SUCCESS, WARNING), line


def test_names_that_are_refused(vty):
    vty.enter()
    for name in ("a" * 300, "café", "-x", "main", "a/b"):
        result, printed = vty.run(f"uplink {name}")
        assert result == CONFIG_FAILED and printed.startswith("% "), name
    assert vty.running_config() == ["router multihome"]


def test_the_lines_of_a_refused_uplink_are_refused(vty):
    """Else `interface` and `shutdown` would reach FRR's own interface."""
    for name in ("main", "two words", "a" * 300):
        vty.enter("before")
        result, printed = vty.run(f"uplink {name}")
        why = "% an uplink's name" if name != "main" else "% 'main'"
        assert result == CONFIG_FAILED and printed.startswith(why)
        inside = "interface eth1, shutdown, description x, ip gateway 192.0.2.1, no ip nat"
        for line in listed(inside):
            assert vty.run(line) == (CONFIG_FAILED, "% the uplink was refused\n"), line
        vty.accept("exit", "uplink after", "weight 3")
        kept = [" uplink before", " exit", " uplink after", "  weight 3", " exit"]
        assert vty.running_config() == ["router multihome", *kept]
        vty.run("!config")
        vty.accept("no router multihome")


def test_entering_another_uplink_leaves_the_one_before(vty):
    vty.enter("a")
    vty.accept("weight 2", "uplink b", "weight 3", "exit", "uplink a", "preference 5")
    first = [" uplink a", "  preference 5", "  weight 2", " exit"]
    second = [" uplink b", "  weight 3", " exit"]
    assert vty.running_config() == ["router multihome", *first, *second]


SHOWN = """uplink, uplink charter, rules, routes, nat, conntrack, conntrack uplink charter,
    conntrack uplink charter limit 5, advertise, advertise eth1"""


@pytest.mark.parametrize("what", ["", *listed(SHOWN)])
def test_show_is_text_and_json(vty, what):
    vty.enter("charter")
    vty.accept("interface eth2.5", "ip gateway 198.51.100.49", "exit")
    vty.accept("ipv6 advertise eth1", "!turn")
    result, text = vty.run(f"do show multihome {what}")
    assert result == SUCCESS and not text.startswith("{")
    assert max(map(len, text.splitlines())) <= 80
    result, text = vty.run(f"do show multihome {what} json")
    assert result == SUCCESS
    assert isinstance(json.loads(text), dict)


def schema():
    """Field names by message of daemon/runtime/status.proto."""
    text = (TOP / "daemon" / "runtime" / "status.proto").read_text()
    return {name: set(re.findall(r"^    (?:repeated |optional )?\w+ (\w+) = \d+;", body, re.M))
            for name, body in re.findall(r"^message (\w+) \{\n(.*?)^\}", text, re.M | re.S)}


def test_the_reference_names_every_field_of_the_schema():
    text = REFERENCE.read_text()
    for message, fields in schema().items():
        for field in fields:
            assert f"`{field}`" in text, f"{message}.{field}"


def test_unknown_uplinks(vty):
    vty.enter()
    for line in ("show multihome", "clear multihome", "clear multihome conntrack"):
        answer = vty.run(f"do {line} uplink nope")
        assert answer == (WARNING, "% there is no uplink 'nope'\n")


def test_advertising_is_shown_of_one_interface(vty):
    vty.enter()
    vty.accept("ipv6 advertise eth1", "exit", "ipv6 advertise eth7", "!turn")
    shown = json.loads(vty.run("do show multihome advertise eth7 json")[1])["interfaces"]
    assert [(one["interface"], one["advertising"]) for one in shown] == [("eth7", False)]
    assert len(json.loads(vty.run("do show multihome advertise json")[1])["interfaces"]) == 2
    answer = vty.run("do show multihome advertise eth9")
    assert answer == (WARNING, "% there is no 'ipv6 advertise eth9'\n")


def test_the_lines_of_a_refused_interface_are_refused(vty):
    """Else `shutdown` and `mtu` would reach FRR's own interface."""
    vty.enter("charter")
    vty.accept("interface eth2.5", "exit")
    result, printed = vty.run("ipv6 advertise eth2.5")
    assert result == CONFIG_FAILED and "belongs to uplink charter" in printed
    for line in ("shutdown", "mtu 1500", "rdnss fd00::53", "no dnssl a", "ra-interval 10"):
        assert vty.run(line) == (CONFIG_FAILED, "% the interface was refused\n"), line
    vty.accept("exit", "ipv6 advertise eth1", "mtu 1480")
    assert vty.running_config()[-3:] == [" ipv6 advertise eth1", "  mtu 1480", " exit"]


def test_numbers_of_advertisements_have_their_range(vty):
    vty.enter()
    vty.accept("ipv6 advertise eth1")
    for line in listed("""ra-interval 3, ra-interval 1801, ra-lifetime 9001, mtu 1279,
                       ra-hop-limit 256, ra-interval, rdnss 192.0.2.1, router-preference best,
                       valid-lifetime 59"""):
        assert vty.run(line)[0] not in (SUCCESS, WARNING), line
    for line in """ra-interval ra-lifetime mtu ra-hop-limit reachable-time ra-retrans-interval
            valid-lifetime preferred-lifetime router-preference shutdown""".split():
        vty.accept(f"no {line}")


def test_debug(vty):
    vty.run("!config")
    vty.accept("debug multihome probe", "debug multihome zebra")
    printed = vty.run("do show debugging multihome")[1]
    assert "probe debugging is on" in printed and "kernel" not in printed
    vty.accept("debug multihome", "no debug multihome kernel", "no debug multihome")
    assert "is on" not in vty.run("do show debugging multihome")[1]


WORDS = """no uplink internal table-base rule-priority last-resort interface description preference
weight table shutdown ip ipv6 gateway nat source masquerade none probe icmp interval timeout
fail-after stable-for onlink keep withdraw exit prefix inside auto fd00:1::/64 fd00:2::/64
10.0.0.0/8 10.0.0.1/8 192.0.2.1 192.0.2.9 2001:db8::1 2001:db8::/32 fe80::1 0 1 7 100 256 2000
65535 4294967295 a b c advertise ra-interval rdnss dnssl mtu shutdown charter eth0 eth1 lo router
multihome do show json ? ! # | "" \\ %s %n""".split()


def random_line(any_):
    if any_.random() < 0.1:
        noise = bytes(any_.randrange(1, 256) for _ in range(any_.randrange(200)))
        return noise.replace(b"\x1e", b"")
    return " ".join(any_.choice(WORDS) for _ in range(any_.randrange(1, 7))).encode()


@pytest.mark.parametrize("seed", range(8))
def test_random_lines_do_no_harm_and_what_stays_reads_back(vty, seed):
    any_ = random.Random(seed)
    vty.enter("a")
    for i in range(1500):
        if i % 50 == 0:
            vty.enter(any_.choice("abc"))
        vty.raw(random_line(any_))
    vty.run("!config")
    vty.run("!turn")
    text = vty.running_config()
    vty.run("no router multihome")
    if text:
        type_config(vty, "\n".join(text))
    assert vty.running_config() == text
