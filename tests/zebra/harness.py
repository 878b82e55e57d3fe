# SPDX-License-Identifier: GPL-2.0-or-later
"""A zebra in a namespace of its own, with or without our module, and clients that drive it.

Router is the namespace with one line (v0, whose other end is v1) and zebra in a pathspace of the
same name. Client runs mh-zebra-test, sends it lines and collects what it prints.  Both are ended by
pid; the ledger of the lab removes what a broken run has left.  Central: Client.expect().
"""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import threading
import time

from lab.frr import FRR_DIRECTORY, built, make_run_directory, vtysh_binary, zebra_module
from lab.kernel import Kernel
from lab.ledger import Ledger
from lab.netns import Namespace
from lab.waiting import Timeout, wait_for

PROTOCOL = "97"
ZEBRA_PROTOCOL = "11"
GATEWAY = {4: "192.0.2.1", 6: "2001:db8:1::1"}
UNREACHABLE = "7"  # RTN_UNREACHABLE
DEFAULT = {4: "0.0.0.0/0", 6: "::/0"}


class Monitor:
    """What `ip monitor` says of rules and routes between start and stop."""

    def __init__(self, router):
        self._process = subprocess.Popen(
            router.namespace.argv(["ip", "-N", "monitor", "rule", "route"]),
            stdout=subprocess.PIPE,
            text=True,
        )
        router.ledger.add_process(self._process.pid)
        self._router = router
        self._mark("add")  # returns when the monitor is listening

    def _mark(self, verb):
        mark = "10.255.255.255"
        rule = ["rule", verb, "pref", "1", "to", mark, "lookup", "99"]
        self._router.namespace.ip(*rule)
        if verb == "add":
            self._lines = []
            threading.Thread(target=self._read, daemon=True).start()

            def heard():
                self._router.namespace.ip("rule", "del", *rule[2:])
                self._router.namespace.ip(*rule)
                return any(mark in line for line in list(self._lines))

            wait_for(heard, what="ip monitor listens")
            self._router.namespace.ip("rule", "del", *rule[2:])

    def _read(self):
        for line in self._process.stdout:
            self._lines.append(line.strip())

    def stop(self):
        """Everything it heard, in order, without its own marks."""
        last = ["rule", "add", "pref", "2", "to", "10.255.255.255", "lookup", "99"]
        self._router.namespace.ip(*last)
        wait_for(lambda: any(line.startswith("2:") for line in list(self._lines)))
        self._router.namespace.ip("rule", "del", *last[2:])
        self._process.terminate()
        self._process.wait()
        return [line for line in self._lines if "10.255.255.255" not in line]


class Router:
    """One namespace with zebra."""

    def __init__(self, name, module=True):
        self.name = name
        self.module = module
        self.ledger = Ledger.claim(name)
        self.namespace = Namespace(name)
        self.kernel = Kernel(self.namespace)
        self.zebra = None
        self.clients = []
        make_run_directory()
        self.run_directory = pathlib.Path("/var/run/frr", name)
        self.config_directory = pathlib.Path("/etc/frr", name)
        for path in (self.run_directory, self.config_directory):
            self.ledger.add_directory(path)
            shutil.rmtree(path, ignore_errors=True)
            path.mkdir(parents=True)
            shutil.chown(path, "frr", "frr")
        (self.config_directory / "vtysh.conf").touch()
        self.log = self.run_directory / "zebra.log"
        self.ledger.add_namespace(name)
        self.namespace.create()
        self.add_line()

    def add_line(self):
        ip = self.namespace.ip
        ip("link", "set", "lo", "up")
        ip("link", "add", "v0", "type", "veth", "peer", "name", "v1")
        ip("address", "add", "192.0.2.2/24", "dev", "v0")
        ip("address", "add", "2001:db8:1::2/64", "dev", "v0", "nodad")
        for link in ("v0", "v1"):
            ip("link", "set", link, "up")

    def close(self):
        for client in self.clients:
            client.close()
        self.ledger.remove_all()
        self.ledger.release()

    @property
    def ifindex(self):
        return self.kernel.links()["v0"]["ifindex"]

    # -- zebra ----------------------------------------------------------------------------------

    @property
    def socket_path(self):
        return self.run_directory / "zserv.api"

    def start_zebra(self, *arguments, config=""):
        file = self.config_directory / "zebra.conf"
        file.write_text(config)
        self.log.touch()
        shutil.chown(self.log, "frr", "frr")
        argv = [str(FRR_DIRECTORY / "zebra"), "-N", self.name, "-P", "0", "-f", str(file)]
        argv += ["--log", f"file:{self.log}", "--log-level", "debug", *arguments]
        if self.module:
            argv += ["-M", str(zebra_module())]
        for path in (self.socket_path, self.run_directory / "zebra.vty"):
            path.unlink(missing_ok=True)
        output = self.run_directory / "output"
        self.zebra = self.ledger.spawn(self.namespace.argv(argv), output)
        wait_for(self._answers, what="zebra answers")
        return self

    def _answers(self):
        if self.zebra.poll() is not None:
            raise RuntimeError((self.run_directory / "output").read_text())
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(self.socket_path))
        return self.vty("show version")

    def end_zebra(self, number=signal.SIGTERM):
        self.zebra.send_signal(number)
        status = self.zebra.wait(20)
        self.ledger.end(self.zebra.pid)
        return status

    def zebra_lives(self):
        return self.zebra.poll() is None and bool(self.vty("show version"))

    def vty(self, *commands):
        """Commands over zebra's vty socket, as vtysh sends them; returns the output of the last."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(10)
            sock.connect(str(self.run_directory / "zebra.vty"))
            output = ""
            for command in ("enable", *commands):
                sock.sendall(command.encode() + b"\0")
                data = b""
                while len(data) < 4 or data[-4:-1] != b"\0\0\0":
                    part = sock.recv(65536)
                    if not part:
                        raise RuntimeError(f"zebra hung up at '{command}'")
                    data += part
                output = data[:-4].decode()
                if data[-1] != 0:
                    raise RuntimeError(f"{command}: {output.strip()} ({data[-1]})")
            return output

    def configure(self, *lines):
        self.vty("configure terminal", *lines)

    def status(self):
        return json.loads(self.vty("show zebra multihome json"))

    def vtysh(self, *commands):
        """Commands in our vtysh; "-b" instead reads frr.conf."""
        argv = [str(vtysh_binary()), "-N", self.name]
        for command in commands:
            argv += [command] if command == "-b" else ["-c", command]
        return self.namespace.run(*argv)

    # -- the kernel -----------------------------------------------------------------------------

    def rules(self, protocol=PROTOCOL):
        """Rules of one protocol in both families, in the kernel's order, as ip(8) prints them."""
        lines = []
        for family in (4, 6):
            text = self.namespace.ip("-N", f"-{family}", "rule", "show")
            for line in text.splitlines():
                words = line.replace(" [unresolved]", "").split()
                if words[-2:] == ["proto", protocol]:
                    lines.append(f"{family} " + " ".join(words[:-2]))
        return lines

    def route(self, family, table, destination="default"):
        """Routes to a destination in a table, as a list; empty if there is none."""
        return [r for r in self.kernel.routes(family, table) if r["dst"] == destination]

    def gateways(self, family, table):
        """Gateways of a table's default; [UNREACHABLE] if it is that."""
        found = []
        for route in self.route(family, table):
            if "type" in route:
                found.append(route["type"])
            found += [hop["gateway"] for hop in route.get("nexthops", [route]) if "gateway" in hop]
        return found

    def client(self):
        client = Client(self)
        self.clients.append(client)
        return client


class Client:
    """A ZebraClient in a process of its own."""

    def __init__(self, router):
        program = built("tests/zebra/mh-zebra-test")
        if program is None:
            raise FileNotFoundError("tests/zebra/mh-zebra-test in $MULTIHOME_BUILD")
        self._errors = open(router.run_directory / "client", "ab")
        self._process = subprocess.Popen(
            router.namespace.argv([str(program), str(router.socket_path)]),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        router.ledger.add_process(self._process.pid)
        self.events = []
        self._used = 0
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self._process.stdout:
            if line.startswith("{"):  # else libfrr's log
                self.events.append(dict(json.loads(line), at=time.monotonic()))

    def send(self, *lines):
        self._process.stdin.write("".join(line + "\n" for line in lines))
        self._process.stdin.flush()

    def expect(self, event, timeout=10.0, **fields):
        """Wait for an event that has these fields; events before it are not looked at again."""
        wanted = dict(fields, event=event)

        def arrived():
            for number in range(self._used, len(self.events)):
                if wanted.items() <= self.events[number].items():
                    self._used = number + 1
                    return self.events[number]
            return None

        try:
            return wait_for(arrived, timeout, what=f"event {wanted}")
        except Timeout as error:
            raise Timeout(f"{error}; events: {self.events[self._used:][-10:]}") from None

    def ready(self):
        self.expect("dataplane", connected=True, known=True)
        return self

    def rule(self, text, verb="add"):
        """Send one rule and wait for its answer."""
        self.send(f"rule {verb} {text}")
        return self.expect("rule", rule=text)

    def add_rules(self, *texts):
        for text in texts:
            answer = self.rule(text)
            assert answer["note"] == "installed", answer

    def count(self, event, since=0, **fields):
        wanted = dict(fields, event=event)
        return sum(wanted.items() <= e.items() for e in self.events[since:])

    def end(self, number=signal.SIGKILL):
        self._process.send_signal(number)
        return self._process.wait(10)

    def stop(self):
        """Leave in order."""
        self.send("stop")
        self.expect("stopped")
        return self._process.wait(10)

    def close(self):
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._process.stdin.close()
        self._errors.close()


def unique_name():
    unique_name.number += 1
    return f"mhz{os.getpid()}x{unique_name.number}"


unique_name.number = 0
