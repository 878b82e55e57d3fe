# SPDX-License-Identifier: GPL-2.0-or-later
"""What a lab has made, written down before it is made.

A lab's directory /run/multihome-lab/NAME holds `state.json` (namespaces, processes with their start
times, directories) and `lock`, held with flock(2) for as long as the run that owns the lab lives.
The kernel lets go of the lock however that run ends, so a free lock with a state file beside it
means leftovers: the next run of that name removes them first, and Ledger.sweep() removes those of
any name.  Processes are ended by pid, and only if the start time is still the recorded one.
Central: Ledger.remove_all().
"""

import fcntl
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time

from .netns import Namespace, run

ROOT = pathlib.Path("/run/multihome-lab")


class LabBusy(RuntimeError):
    """Another run, still alive, owns a lab of this name."""


def start_time(pid):
    """Start time of a process in clock ticks since boot, None if it is gone or a zombie."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text[text.rindex(")") + 2 :].split()
    return None if fields[0] in "ZX" else int(fields[19])


def signal_process(pid, started, number):
    """Send a signal to exactly that process; False if it no longer exists."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    try:
        if start_time(pid) != started:
            return False
        signal.pidfd_send_signal(fd, number)
        return True
    except ProcessLookupError:
        return False
    finally:
        os.close(fd)


def end_processes(processes, patience=3.0):
    """TERM, then KILL for who has not gone after `patience` seconds.  processes: {pid: started}."""
    left = {p: s for p, s in processes.items() if signal_process(p, s, signal.SIGTERM)}
    deadline = time.monotonic() + patience
    while left and time.monotonic() < deadline:
        left = {p: s for p, s in left.items() if start_time(p) == s}
        time.sleep(0.01 if left else 0)
    for pid, started in left.items():
        signal_process(pid, started, signal.SIGKILL)
    deadline = time.monotonic() + patience
    while left and time.monotonic() < deadline:
        left = {p: s for p, s in left.items() if start_time(p) == s}
        time.sleep(0.01 if left else 0)
    if left:
        raise RuntimeError(f"processes survive SIGKILL: {sorted(left)}")


def _remove_if_empty(directory):
    """Only /etc/netns and our own: the other parents belong to packages."""
    if ROOT in (directory, directory.parent) or directory == pathlib.Path("/etc/netns"):
        try:
            directory.rmdir()
        except OSError:
            pass  # another lab's, or another's


class Ledger:
    """The state file of one lab."""

    def __init__(self, name):
        self.name = name
        self.directory = ROOT / name
        self._lock = None
        self._children = {}
        self._state = {"namespaces": [], "processes": {}, "directories": [], "keep": False}

    @classmethod
    def claim(cls, name):
        """Own the name, removing what a dead run of that name left."""
        ledger = cls(name)
        ledger._acquire()
        ledger.remove_all()
        ledger.directory.mkdir(parents=True, exist_ok=True)
        ledger._save()
        return ledger

    @classmethod
    def existing(cls):
        return sorted(p.name for p in ROOT.glob("*") if (p / "lock").exists())

    @classmethod
    def sweep(cls, keep_kept=True):
        """Remove the leftovers of every dead run; returns the names removed."""
        removed = []
        for name in cls.existing():
            ledger = cls(name)
            try:
                ledger._acquire()
            except LabBusy:
                continue
            if not (keep_kept and ledger.is_kept()):
                ledger.remove_all()
                removed.append(name)
            ledger.release()
        return removed

    def _acquire(self):
        path = self.directory / "lock"
        while True:
            try:
                self.directory.mkdir(parents=True, exist_ok=True)
                fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            except (FileNotFoundError, FileExistsError):
                continue  # whoever held the name is just removing the directory
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # Whoever held the lock before may have removed the file that we have just locked.
                if os.fstat(fd).st_ino == os.stat(path).st_ino:
                    break
            except BlockingIOError:
                os.close(fd)
                raise LabBusy(f"a running process owns the lab '{self.name}'") from None
            except FileNotFoundError:
                pass
            os.close(fd)
        self._lock = fd
        self._load()

    def _load(self):
        try:
            self._state.update(json.loads((self.directory / "state.json").read_text()))
        except FileNotFoundError:
            pass
        except ValueError as error:
            raise RuntimeError(f"{self.directory}/state.json is damaged: {error}") from error

    def _save(self):
        temporary = self.directory / "state.json.new"
        temporary.write_text(json.dumps(self._state, indent=1))
        temporary.replace(self.directory / "state.json")

    def is_kept(self):
        return self._state["keep"]

    def keep(self):
        """Mark the lab as meant to outlive this run."""
        self._state["keep"] = True
        self._save()

    def add_namespace(self, name):
        self._state["namespaces"].append(name)
        self._save()

    def add_directory(self, path):
        self._state["directories"].append(str(path))
        self._save()

    def add_process(self, pid):
        self._state["processes"][str(pid)] = start_time(pid)
        self._save()

    def spawn(self, argv, log):
        """Start a long-lived process in a session of its own; returns its Popen."""
        with open(log, "ab") as out:
            child = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
            )
        self._children[child.pid] = child
        self.add_process(child.pid)
        return child

    def end(self, *pids):
        """End some processes of ours; unknown or gone ones are no error."""
        known = {p: self._state["processes"].get(str(p)) for p in pids}
        end_processes({p: s for p, s in known.items() if s is not None})
        for pid in pids:
            child = self._children.pop(pid, None)
            if child is not None:
                child.wait()
            self._state["processes"].pop(str(pid), None)
        self._save()

    def remove_all(self):
        """Processes, then namespaces with whatever still runs inside, then directories."""
        recorded = {int(p): s for p, s in self._state["processes"].items() if s is not None}
        end_processes(recorded)
        for child in self._children.values():
            child.wait()
        self._children.clear()
        for name in self._state["namespaces"]:
            self._remove_namespace(Namespace(name))
        for path in self._state["directories"]:
            shutil.rmtree(path, ignore_errors=True)
            _remove_if_empty(pathlib.Path(path).parent)
        self._state = {"namespaces": [], "processes": {}, "directories": [], "keep": False}
        for path in self.directory.glob("*"):
            if path.name != "lock":
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    @staticmethod
    def _remove_namespace(namespace):
        if not namespace.exists():
            return
        inside = {pid: start_time(pid) for pid in namespace.pids()}
        end_processes({p: s for p, s in inside.items() if s is not None and p != os.getpid()})
        run(["ip", "netns", "del", namespace.name])

    def release(self):
        """Let go of the name; the directory goes too unless the lab is kept."""
        if self._lock is None:
            return
        if not self._state["namespaces"] and not self._state["processes"]:
            (self.directory / "state.json").unlink(missing_ok=True)
            (self.directory / "lock").unlink()
            _remove_if_empty(self.directory)
            _remove_if_empty(ROOT)
        os.close(self._lock)
        self._lock = None
