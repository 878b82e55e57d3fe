# SPDX-License-Identifier: GPL-2.0-or-later
"""FRR's own topotest framework, from the source of the installed FRR, for the folders beside this.

$MULTIHOME_FRR_SOURCE is FRR's source tree (else tools/frr-headers.sh provides it), $MULTIHOME_BUILD
our build directory.  The framework's files stay as they are; what differs is replaced in memory:
 - kernels without loadable modules have no /proc/modules;
 - the distribution's package lacks some daemons that the environment check insists on;
 - the machine's own sysctls are left alone, and only processes of our own dead runs are ended (the
   framework would end those of any other run, living ones too);
 - the sysctls of a new namespace are set by one command, not by two for each: under emulation, that
   is most of the time that a topology takes to start;
 - all daemons of a topology are told to stop at once: the framework would wait half a second for
   each router after the other, several times;
 - a namespace's commands are run by one shell that stays, for the same reason: namespace_shell.py;
 - multihomed is one more daemon of the router, vtysh is ours (multihome.py).
Then FRR's conftest is loaded as if it stood here, with all its options.  Only the fixture `tgen` is
ours.
"""

import contextlib
import importlib.util
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from unittest import mock

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))

from lab.ledger import end_processes, signal_process, start_time  # noqa: E402
from lab.waiting import Timeout, wait_for  # noqa: E402

_RUN_MARK = "MULTIHOME_TOPOTEST_RUN"

# They need what only a distribution's kernel has: ./test.sh kernel runs them under Debian's.
collect_ignore_glob = [] if os.environ.get("MULTIHOME_STOCK_KERNEL") else ["kernel_*"]


def _framework():
    source = os.environ.get("MULTIHOME_FRR_SOURCE")
    if not source:
        argv = [HERE.parent / "tools/frr-headers.sh"]
        source = subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    path = pathlib.Path(source, "tests/topotests")
    if not (path / "lib/topogen.py").exists():
        pytest.exit(f"no topotest framework in {path}", 3)
    return path


def _module_present(module, load=True):
    del load
    return pathlib.Path("/sys/module", module.replace("-", "_")).exists()


def _diagnose_environment(rundir):
    """What our tests need; FRR's own check asks for every daemon of a full build."""
    pathlib.Path(rundir).mkdir(parents=True, exist_ok=True)
    missing = [tool for tool in ("ip", "nft", "nsenter", "unshare") if not shutil.which(tool)]
    missing += [] if pathlib.Path("/usr/lib/frr/zebra").exists() else ["frr"]
    missing += [] if os.getuid() == 0 else ["root"]
    if missing:
        print(f"topotests need: {', '.join(missing)}", file=sys.stderr)
    return not missing


def _processes_of_runs():
    """{run: {pid: start time}} of every process that carries our mark."""
    runs = {}
    for path in pathlib.Path("/proc").glob("[0-9]*/environ"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        pid = int(path.parent.name)
        for word in words:
            name, _, run = word.decode(errors="replace").partition("=")
            if name == _RUN_MARK and pid != os.getpid() and start_time(pid) is not None:
                runs.setdefault(run, {})[pid] = start_time(pid)
    return runs


def _end_runs(wanted):
    for run, processes in _processes_of_runs().items():
        if wanted(run):
            end_processes(processes)


def _is_dead(run):
    pid, _, started = run.partition(":")
    return start_time(int(pid)) != int(started)


def _set_at_once(topotest):
    """fix_netns_limits() with the same values; they are lists, numbers or text."""
    one_by_one = topotest.fix_netns_limits

    def fix_netns_limits(namespace):
        wanted = []

        def collect(_, variable, value, raises=False):
            del raises
            values = value if isinstance(value, list) else [value]
            wanted.append(shlex.quote(f"{variable}={' '.join(map(str, values))}"))

        with mock.patch.multiple(topotest, sysctl_assure=collect, sysctl_atleast=collect):
            one_by_one(namespace)
        namespace.cmd_status(f"sysctl -q -e -w {' '.join(wanted)}")

    topotest.fix_netns_limits = fix_netns_limits


def _stop_at_once(topogen):
    """What has not stopped then is left to the framework, which looks for cores."""
    one_by_one = topogen.Topogen.stop_topology

    def stop_topology(tgen):
        daemons = [each for router in tgen.routers().values() for each in router.net.listDaemons()]
        left = {pid: start_time(pid) for _, pid in daemons}
        for pid, started in left.items():
            signal_process(pid, started, signal.SIGTERM)
        with contextlib.suppress(Timeout):
            wait_for(lambda: not any(start_time(p) == s for p, s in left.items() if s is not None))
        one_by_one(tgen)

    topogen.Topogen.stop_topology = stop_topology


def _adapt_framework(path):
    sys.path.insert(0, str(path))
    from lib import micronet, micronet_compat, topogen, topotest

    import namespace_shell

    run = f"{os.getpid()}:{start_time(os.getpid())}"
    os.environ[_RUN_MARK] = run
    topotest.module_present = topotest.module_present_linux = _module_present
    topotest.fix_host_limits = lambda: None
    topogen.diagnose_env = _diagnose_environment
    _set_at_once(topotest)
    _stop_at_once(topogen)
    namespace_shell.use_for(micronet.LinuxNamespace)
    micronet_compat.cleanup_previous = lambda: _end_runs(_is_dead)
    micronet_compat.cleanup_current = lambda: _end_runs(lambda other: other == run)

    import multihome

    multihome.extend_framework()


def _load_frr_conftest(path):
    """FRR's hooks and fixtures, by name, as if they were written in this file."""
    spec = importlib.util.spec_from_file_location("frr_topotest_conftest", path / "conftest.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    names = [n for n in vars(module) if n.startswith("pytest_")]
    names += ["module_check_memtest", "setup_session_auto"]
    globals().update({name: getattr(module, name) for name in names})


_FRAMEWORK = _framework()
_adapt_framework(_FRAMEWORK)
_load_frr_conftest(_FRAMEWORK)

from lib.topogen import get_topogen  # noqa: E402  (found by _adapt_framework)

_frr_pytest_configure = pytest_configure  # noqa: F821  (just loaded)


@pytest.fixture
def tgen():
    """The topology.  Where a router has failed or an earlier test did, this one fails as well: what
    was not tried must not look like what cannot be tried here."""
    tgen = get_topogen()
    if tgen.routers_have_failure():
        pytest.fail(tgen.errors, pytrace=False)
    return tgen


@pytest.fixture
def r1(tgen):
    return tgen.gears["r1"]


def pytest_configure(config):
    """A run directory of our own, unless told: runs side by side must not share one."""
    config.multihome_rundir = None
    if not config.getoption("--collect-only") and not config.getoption("--rundir"):
        config.multihome_rundir = tempfile.mkdtemp(prefix="multihome-topotests-")
        os.chmod(config.multihome_rundir, 0o755)
        config.option.rundir = config.multihome_rundir
    # The framework takes -q (a verbosity of -1) for "verbose".
    verbosity, config.option.verbose = config.option.verbose, max(config.option.verbose, 0)
    _frr_pytest_configure(config)
    config.option.verbose = verbosity


def pytest_report_header(config):
    return f"logs: {config.option.rundir}" if config.multihome_rundir else None


def pytest_sessionfinish(session, exitstatus):
    """Logs are kept when something failed."""
    if exitstatus == 0 and session.config.multihome_rundir:
        shutil.rmtree(session.config.multihome_rundir, ignore_errors=True)
