# SPDX-License-Identifier: GPL-2.0-or-later
"""The source repositories that tools/deb_src_list.py derives from a machine's apt set-up."""

import pathlib
import subprocess

import pytest

TOOL = pathlib.Path(__file__).resolve().parents[2] / "tools/deb_src_list.py"

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"

ONE_LINE = """\
# deb http://old.example/debian bookworm main
deb [arch=amd64 signed-by=%(keyring)s] http://mirror.example/debian bookworm main contrib
deb-src [signed-by=%(keyring)s] http://mirror.example/debian bookworm main contrib # the same again
deb http://security.debian.org/debian-security bookworm-security main
deb cdrom:[Debian 12]/ bookworm main
deb [trusted=yes] http://vendor.example/repo ./
""" % {"keyring": KEYRING}

DEB822 = """\
# a comment
Types: deb deb-src
URIs: http://deb.debian.org/debian
 http://second.example/debian
Suites: bookworm
# in the middle
  bookworm-updates
Components: main
Architectures: amd64
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main
Enabled: no

Types: deb
URIs: https://deb.frrouting.example/frr
Suites: bookworm
Components: frr-stable
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abc
 -----END PGP PUBLIC KEY BLOCK-----
"""


@pytest.fixture
def apt(tmp_path):
    (tmp_path / "sources.list").write_text(ONE_LINE)
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d/debian.sources").write_text(DEB822)
    (tmp_path / "sources.list.d/debian.sources.bak").write_text(DEB822)
    return tmp_path


def stanzas(which, apt):
    done = subprocess.run([TOOL, which, apt], capture_output=True, text=True, check=True)
    return done.stdout.strip().split("\n\n")


def test_debians_own_entries(apt):
    assert stanzas("own", apt) == [
        "Types: deb-src\nURIs: http://mirror.example/debian\n"
        f"Suites: bookworm\nComponents: main contrib\nSigned-By: {KEYRING}",
        "Types: deb-src\nURIs: http://security.debian.org/debian-security\n"
        "Suites: bookworm-security\nComponents: main",
        "Types: deb-src\nURIs: http://deb.debian.org/debian\n http://second.example/debian\n"
        f"Suites: bookworm\n  bookworm-updates\nComponents: main\nSigned-By: {KEYRING}",
    ]


def test_all_entries_keep_their_keys(apt):
    found = stanzas("all", apt)
    assert "Types: deb-src\nURIs: http://vendor.example/repo\nSuites: ./\nTrusted: yes" in found
    assert found[-1].startswith("Types: deb-src\nURIs: https://deb.frrouting.example/frr\n")
    assert found[-1].endswith("-----END PGP PUBLIC KEY BLOCK-----")
    for absent in ("off.example", "old.example", "cdrom"):
        assert not any(absent in text for text in found)


def test_an_empty_set_up_gives_nothing(tmp_path):
    assert stanzas("all", tmp_path) == [""]
