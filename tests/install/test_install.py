# SPDX-License-Identifier: GPL-2.0-or-later
"""What `cmake --install` puts where, and that the binaries refuse an FRR they were not built for.

$MULTIHOME_BUILD is the build directory. Nothing outside a temporary directory is written.
"""

import os
import pathlib
import re
import subprocess

import pytest

BUILD = pathlib.Path(os.environ["MULTIHOME_BUILD"])
TOP = pathlib.Path(__file__).resolve().parents[2]


def cache(name):
    for line in (BUILD / "CMakeCache.txt").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return line.partition("=")[2]
    raise KeyError(name)


def output(*argv, env=None):
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, env=env, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    path = tmp_path_factory.mktemp("root")
    environment = {**os.environ, "DESTDIR": str(path)}
    subprocess.run(["cmake", "--install", BUILD], check=True, capture_output=True, env=environment)
    return path


@pytest.fixture(scope="module")
def binaries(root):
    modules = next(root.glob("usr/lib/**/frr/modules"))
    return {
        "multihomed": root / "usr/lib/frr/multihomed",
        "vtysh": root / "usr/lib/frr/vtysh-multihome",
        "module": modules / "zebra_multihome.so",
    }


def test_every_part_is_in_its_place(root, binaries):
    for path in binaries.values():
        assert path.is_file(), path
    libfrr = pathlib.Path(cache("FRR_LIBRARY"))
    assert binaries["module"].relative_to(root).parent == libfrr.parent.relative_to("/") / "modules"
    hooks = {path.name for path in (root / "usr/share/multihomed/hooks").iterdir()}
    assert hooks == {"dhcpcd", "odhcp6c", "watch-addresses"}
    documents = root / "usr/share/doc/multihomed"
    assert {"README.md", "LICENSE"} <= {path.name for path in documents.iterdir()}
    guides = documents / "docs"
    for pattern in ("*.md", "pictures/*"):
        here = {path.relative_to(TOP / "docs") for path in (TOP / "docs").glob(pattern)}
        assert here and here == {path.relative_to(guides) for path in guides.glob(pattern)}
    manuals = {path.name for path in (TOP / "docs/man").glob("*.8")}
    assert manuals == {path.name for path in (root / "usr/share/man/man8").glob("*")}


def test_nothing_of_frr_is_overwritten(root):
    for path in root.rglob("*"):
        if path.is_file():
            owner, text = output("dpkg-query", "-S", f"/{path.relative_to(root)}")
            assert owner != 0, text


def test_binaries_find_libfrr_and_nothing_of_the_build(binaries):
    for path in binaries.values():
        _, dynamic = output("readelf", "-d", str(path))
        runpath = re.findall(r"R(?:UN)?PATH.*\[(.*)\]", dynamic)
        assert runpath in ([], [str(pathlib.Path(cache("FRR_LIBRARY")).parent)])
        _, linked = output("ldd", str(path))
        assert "not found" not in linked
        content = path.read_bytes()
        for directory in (BUILD, TOP):
            assert os.fsencode(directory) not in content, f"{path} knows {directory}"


# A libfrr that calls itself 7.5: what the binaries look at stands in front of the real one.
OTHER_FRR = """
struct info { const char *name, *version, *description; int (*init)(void); };
struct runtime {
    struct runtime *next; const struct info *info; void *handle; _Bool done; char *name, *args;
};
static const struct info info = {"libfrr", "7.5", "", 0};
static struct runtime first = {0, &info, 0, 1, 0, 0};
struct runtime *frrmod_list = &first;
"""


@pytest.mark.parametrize(
    "name, arguments", [("multihomed", ["--help"]), ("vtysh", ["-C", "-c", "list"])]
)
def test_another_frr_is_refused(binaries, tmp_path, name, arguments):
    (tmp_path / "other.c").write_text(OTHER_FRR)
    library = tmp_path / "other.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-o", library, tmp_path / "other.c"], check=True)
    argv = [str(binaries[name]), *arguments]
    assert output(*argv)[0] == 0
    status, text = output(*argv, env={**os.environ, "LD_PRELOAD": str(library)})
    assert status == 1
    assert "built for FRR" in text and "libfrr here is 7.5" in text


def test_version_is_frrs(binaries):
    status, text = output(str(binaries["multihomed"]), "--version")
    _, zebra = output("/usr/lib/frr/zebra", "--version")
    assert status == 0
    assert text.splitlines()[0] == zebra.splitlines()[0].replace("zebra", "multihomed")
