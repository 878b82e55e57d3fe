# SPDX-License-Identifier: GPL-2.0-or-later
"""Network namespaces, seen from Python without entering them.

A socket belongs to the namespace it was created in, for as long as it lives.  So the lab opens one
rtnetlink socket in each namespace it must act upon and keeps it: raising a link or closing a bridge
port is then one message, answered by the kernel, with the clock read on either side of it.  That is
what makes the moment of a fault known to some microseconds, where `ip netns exec` costs
milliseconds.  Central: Rtnl.  See rtnetlink(7), setns(2), linux/if_bridge.h.
"""

import ctypes
import errno
import os
import socket
import struct
import subprocess
import threading
import time

_CLONE_NEWNET = 0x40000000
_RTM_NEWLINK = 16
_RTM_SETLINK = 19
_NLM_F_REQUEST = 1
_NLM_F_ACK = 4
_NLMSG_ERROR = 2
_IFF_UP = 1
_AF_BRIDGE = 7
_IFLA_PROTINFO = 12
_NLA_F_NESTED = 0x8000
_IFLA_BRPORT_STATE = 1

PORT_DISABLED = 0
PORT_FORWARDING = 3

_libc = ctypes.CDLL(None, use_errno=True)


def now_ns():
    """CLOCK_MONOTONIC in nanoseconds, the one clock of faults, meters and reports."""
    return time.monotonic_ns()


def run(argv, check=True, stdin=None, timeout=60):
    """Run a command to its end and return its standard output; its words are in the error."""
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, timeout=timeout)
    if check and done.returncode != 0:
        raise RuntimeError(
            f"{' '.join(argv)} -> {done.returncode}: {(done.stderr or done.stdout).strip()}"
        )
    return done.stdout


def in_namespace(name, function):
    """Call function() in a thread that has entered the namespace, and return what it returns."""
    result = {}

    def body():
        try:
            fd = os.open(f"/run/netns/{name}", os.O_RDONLY | os.O_CLOEXEC)
            try:
                if _libc.setns(fd, _CLONE_NEWNET) != 0:
                    code = ctypes.get_errno()
                    raise OSError(code, f"setns {name}: {os.strerror(code)}")
            finally:
                os.close(fd)
            result["value"] = function()
        except BaseException as error:  # handed to the caller below
            result["error"] = error

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    if "error" in result:
        raise result["error"]
    return result["value"]


class Rtnl:
    """One rtnetlink socket inside one namespace."""

    def __init__(self, namespace):
        self.namespace = namespace
        self._sequence = 0
        self._socket = in_namespace(namespace, self._open)

    @staticmethod
    def _open():
        sock = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0)
        sock.bind((0, 0))
        return sock

    def close(self):
        self._socket.close()

    def set_link(self, index, is_up):
        """Administratively raise or lower a link.  Returns (before, after) in nanoseconds."""
        flags = _IFF_UP if is_up else 0
        body = struct.pack("=BxHiII", socket.AF_UNSPEC, 0, index, flags, _IFF_UP)
        return self._request(_RTM_NEWLINK, body)

    def set_port_state(self, index, state):
        """Set the spanning-tree state of a bridge port: disabled passes no frame either way."""
        nested = struct.pack("=HHB3x", 5, _IFLA_BRPORT_STATE, state)
        body = struct.pack("=BxHiII", _AF_BRIDGE, 0, index, 0, 0)
        body += struct.pack("=HH", 4 + len(nested), _IFLA_PROTINFO | _NLA_F_NESTED) + nested
        return self._request(_RTM_SETLINK, body)

    def _request(self, kind, body):
        self._sequence += 1
        header = struct.pack(
            "=IHHII", 16 + len(body), kind, _NLM_F_REQUEST | _NLM_F_ACK, self._sequence, 0
        )
        before = now_ns()
        self._socket.send(header + body)
        while True:
            reply = self._socket.recv(65536)
            after = now_ns()
            _, kind, _, sequence, _ = struct.unpack_from("=IHHII", reply)
            if kind == _NLMSG_ERROR and sequence == self._sequence:
                break
        code = -struct.unpack_from("=i", reply, 16)[0]
        if code != 0:
            name = errno.errorcode.get(code, str(code))
            raise OSError(code, f"rtnetlink in {self.namespace}: {name} {os.strerror(code)}")
        return before, after


class Namespace:
    """A named network namespace and the commands run in it."""

    def __init__(self, name):
        self.name = name

    def __str__(self):
        return self.name

    def create(self):
        run(["ip", "netns", "add", self.name])

    def exists(self):
        return os.path.exists(f"/run/netns/{self.name}")

    def argv(self, argv):
        """The argument vector that runs argv inside; it replaces itself, so the pid is argv's."""
        return ["ip", "netns", "exec", self.name, *argv]

    def run(self, *argv, check=True, stdin=None, timeout=60):
        return run(self.argv(argv), check=check, stdin=stdin, timeout=timeout)

    def ip(self, *args, check=True):
        return run(["ip", "-n", self.name, *args], check=check)

    def batch(self, commands, family=None):
        """Run many ip(8) commands, one a line, in one process; `family` is needed for rules."""
        text = "\n".join(line.strip() for line in commands if line.strip()) + "\n"
        options = [f"-{family}"] if family else []
        return run(["ip", "-n", self.name, *options, "-batch", "-"], stdin=text)

    def nft(self, ruleset):
        """Load a ruleset as one transaction."""
        return self.run("nft", "-f", "-", stdin=ruleset)

    def sysctl(self, **values):
        """Set sysctls in one process; in names, two underscores stand for a slash."""
        lines = "".join(f"{k.replace('__', '/')} {v}\n" for k, v in values.items())
        script = 'while read -r key value; do echo "$value" > "/proc/sys/$key"; done'
        return self.run("sh", "-ec", script, stdin=lines)

    def read_sysctl(self, path):
        return self.run("cat", f"/proc/sys/{path}").strip()

    def pids(self):
        text = run(["ip", "netns", "pids", self.name], check=False)
        return [int(word) for word in text.split()]
