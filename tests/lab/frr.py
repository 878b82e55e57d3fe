# SPDX-License-Identifier: GPL-2.0-or-later
"""FRR in the lab's router: zebra, its daemons, multihomed and vtysh in a pathspace of their own.

The pathspace (`-N mhNAME`) gives the lab its own /etc/frr/mhNAME and /var/run/frr/mhNAME, so that
it meets neither the machine's FRR nor another lab.  Daemons run in the foreground as children of
the lab, so that their pids are known without a pid file.  Our binaries come from the build
directory in $MULTIHOME_BUILD.  Central: Frr.start().
"""

import json
import os
import pathlib
import shutil
import signal
import socket

from .ledger import signal_process, start_time
from .netns import run
from .waiting import wait_for

FRR_DIRECTORY = pathlib.Path("/usr/lib/frr")

# vtysh writes what it is told to do into the history of whoever runs it.
os.environ["VTYSH_HISTFILE"] = "/dev/null"


def built(relative):
    """A file of the build directory, None if it has not been built."""
    build = os.environ.get("MULTIHOME_BUILD")
    path = pathlib.Path(build, relative).resolve() if build else None
    return path if path and path.exists() else None


def multihomed_binary():
    return built("frr-plugin/multihomed")


def zebra_module():
    return built("frr-plugin/zebra_multihome.so")


def vtysh_binary():
    """Our vtysh if it has been built, else the distribution's."""
    return built("vtysh/vtysh") or pathlib.Path("/usr/bin/vtysh")


def make_run_directory():
    """FRR's own, as its package makes it at boot; a machine's frr could not start in root's."""
    directory = pathlib.Path("/var/run/frr")
    if not directory.exists():
        directory.mkdir(exist_ok=True)
        shutil.chown(directory, "frr", "frr")


class Frr:
    """The FRR daemons of one namespace of a lab."""

    def __init__(self, lab, role="router"):
        self._lab = lab
        self._namespace = lab[role]
        suffix = "" if role == "router" else f"-{role}"
        self.pathspace = f"mh{lab.name}{suffix}"
        self._suffix = suffix  # of its logs, too
        self.config_directory = pathlib.Path("/etc/frr", self.pathspace)
        self.run_directory = pathlib.Path("/var/run/frr", self.pathspace)
        self.vtysh_path = vtysh_binary()
        self.processes = {}
        self._arguments = {}
        self._make_directories()

    def _make_directories(self):
        make_run_directory()
        for path in (self.config_directory, self.run_directory):
            self._lab.ledger.add_directory(path)
            shutil.rmtree(path, ignore_errors=True)
            path.mkdir(parents=True)
            shutil.chown(path, "frr", "frr")
        (self.config_directory / "vtysh.conf").write_text("service integrated-vtysh-config\n")
        (self.config_directory / "frr.conf").write_text("")
        for path in self.config_directory.iterdir():
            shutil.chown(path, "frr", "frr")

    # -- daemons --------------------------------------------------------------------------------

    def start_zebra(self, with_module=False, *arguments):
        """Start zebra; `with_module` loads zebra_multihome.so from the build directory."""
        if with_module:
            module = zebra_module()
            if module is None:
                raise FileNotFoundError("no frr-plugin/zebra_multihome.so in $MULTIHOME_BUILD")
            arguments = ("-M", str(module), *arguments)
        return self.start("zebra", *arguments)

    def start_multihomed(self, *arguments):
        binary = multihomed_binary()
        if binary is None:
            raise FileNotFoundError("no frr-plugin/multihomed in $MULTIHOME_BUILD")
        return self.start("multihomed", *arguments, binary=binary)

    def start(self, daemon, *arguments, binary=None):
        """Start a daemon and wait until its vty socket answers; returns its Popen."""
        if self.is_running(daemon):
            raise RuntimeError(f"{daemon} is already running")
        log = self._lab.log(daemon + self._suffix)
        log.touch()
        shutil.chown(log, "frr", "frr")
        argv = [str(binary or FRR_DIRECTORY / daemon), "-N", self.pathspace]
        argv += [] if "-P" in arguments else ["-P", "0"]
        argv += ["--log", f"file:{log}", "--log-level", "debug", *arguments]
        self._arguments[daemon] = (arguments, binary)
        self.processes[daemon] = self._lab.ledger.spawn(
            self._namespace.argv(argv), self._lab.log(f"{daemon}{self._suffix}-output")
        )
        wait_for(lambda: self._answers(daemon), what=f"{daemon} opens its vty socket")
        return self.processes[daemon]

    def _answers(self, daemon):
        code = self.processes[daemon].poll()
        if code is not None:
            output = self._lab.log(f"{daemon}{self._suffix}-output").read_text()
            raise RuntimeError(f"{daemon} ended ({code}): {output}")
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(self.run_directory / f"{daemon}.vty"))
        return True

    def is_running(self, daemon):
        process = self.processes.get(daemon)
        return process is not None and process.poll() is None

    def pid(self, daemon):
        return self.processes[daemon].pid

    def signal(self, daemon, number):
        pid = self.pid(daemon)
        return signal_process(pid, start_time(pid), number)

    def stop(self, daemon, timeout=10.0):
        """SIGTERM and wait; returns the exit status."""
        return self._end(daemon, signal.SIGTERM, timeout)

    def kill(self, daemon):
        """SIGKILL, as a crash."""
        return self._end(daemon, signal.SIGKILL, 5.0)

    def _end(self, daemon, number, timeout):
        process = self.processes.pop(daemon)
        pid = process.pid
        if process.poll() is None:
            signal_process(pid, start_time(pid), number)
        status = process.wait(timeout)
        self._lab.ledger.end(pid)
        return status

    def restart(self, daemon):
        """Start again with the arguments of the last start, after a stop or a kill."""
        if self.is_running(daemon):
            self.stop(daemon)
        arguments, binary = self._arguments[daemon]
        return self.start(daemon, *arguments, binary=binary)

    def stop_all(self):
        """Stop every daemon, zebra last."""
        for daemon in sorted(self.processes, key=lambda name: name == "zebra"):
            self.stop(daemon)

    # -- vtysh ----------------------------------------------------------------------------------

    def vtysh(self, *commands, check=True, timeout=30):
        """Run commands in one vtysh, as typed at the prompt; returns its output."""
        argv = [str(self.vtysh_path), "-N", self.pathspace]
        for command in commands:
            argv += ["-c", command]
        return run(self._namespace.argv(argv), check=check, timeout=timeout)

    def configure(self, text):
        """Type configuration lines below `configure terminal`, one transaction of the CLI."""
        lines = [line.strip() for line in text.splitlines()]
        return self.vtysh(
            "configure terminal", *(line for line in lines if line and not line.startswith("!"))
        )

    def change(self, *lines):
        """Type configuration lines below `router multihome`."""
        return self.configure("\n".join(["router multihome", *lines]))

    def shown(self, what=""):
        """The answer to `show multihome ... json`."""
        return json.loads(self.vtysh(f"show multihome {what} json"))

    def load(self, text):
        """Write frr.conf and have vtysh read it, as the boot does."""
        path = self.config_directory / "frr.conf"
        path.write_text(text)
        argv = [str(self.vtysh_path), "-N", self.pathspace, "-b"]
        return run(self._namespace.argv(argv), timeout=120)

    def log_text(self, daemon):
        path = self._lab.log(daemon + self._suffix)
        return path.read_text(errors="replace") if path.exists() else ""
