# SPDX-License-Identifier: GPL-2.0-or-later
"""One shell a namespace, which stays, for the framework's commands.

The framework enters the namespace and starts a shell for each command.  Under emulation those two
take several times as long as what is done there, and a topology needs a hundred commands before its
first daemon starts.  Here a subshell of the shell that stays runs each one: what a command sets is
gone with it, as before.  Gives every namespace output() besides.  Central: use_for().
"""

import os
import shlex
import subprocess
import weakref


class Shell:
    """A bash behind `enter`, the words that lead into the namespace."""

    def __init__(self, enter):
        self._process = subprocess.Popen(
            [*enter, "/bin/bash"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            encoding="utf-8",
        )

    def run(self, command, joined=False):
        """(exit status, stdout, stderr); `joined`: both are in stdout."""
        outputs = [os.memfd_create(name) for name in ("out", "err")]
        try:
            out, err = (f"/proc/{os.getpid()}/fd/{fd}" for fd in outputs)
            self._process.stdin.write(
                f"(eval {shlex.quote(command)}) </dev/null >{out} 2>{'&1' if joined else err}\n"
                "echo $?\n"
            )
            self._process.stdin.flush()
            status = self._process.stdout.readline()
            if not status:
                raise RuntimeError(f"the shell ended in: {command}")
            return int(status), *map(_content, outputs)
        finally:
            for fd in outputs:
                os.close(fd)

    def close(self):
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()


def _content(fd):
    data = os.pread(fd, os.fstat(fd).st_size, 0)
    return data.decode(errors="replace").replace("\r\n", "\n")


def use_for(namespace_class):
    """Make the framework's LinuxNamespace keep a shell; what it cannot do is done as before."""
    one_by_one, delete = namespace_class.cmd_status, namespace_class.delete
    shells = weakref.WeakKeyDictionary()

    def close(namespace):
        _, shell = shells.pop(namespace, (None, None))
        if shell:
            shell.close()

    def shell_of(namespace):
        """The words change with the working directory."""
        enter, shell = shells.get(namespace, (None, None))
        if enter != namespace.pre_cmd:
            close(namespace)
            enter, shell = shells[namespace] = list(namespace.pre_cmd), Shell(namespace.pre_cmd)
        return shell

    def cmd_status(self, cmd, raises=False, warn=True, stdin=None, **kwargs):
        simple = isinstance(cmd, str) and stdin is None and kwargs in ({}, {"stderr": -2})
        if not simple or not self.pre_cmd or cmd.startswith("cd "):
            return one_by_one(self, cmd, raises=raises, warn=warn, stdin=stdin, **kwargs)
        self.logger.debug('%s: in its shell: "%s"', self, cmd)
        result = status, out, err = shell_of(self).run(cmd, joined=bool(kwargs))
        self.last = (status, cmd, cmd, out, err)
        if status and warn:
            self.logger.warning("%s: failed (%d): %s\n%s%s", self, status, cmd, out, err)
        if status and raises:
            raise subprocess.CalledProcessError(status, cmd, out, err)
        return result

    def output(self, argv, check=True):
        """Of a command, past the framework's log, which a wait would fill."""
        status, out, err = shell_of(self).run(shlex.join(argv))
        if check and status:
            raise RuntimeError(f"{shlex.join(argv)} -> {status}: {(err or out).strip()}")
        return out

    def delete_with_shell(self):
        close(self)
        delete(self)

    namespace_class.cmd_status, namespace_class.delete = cmd_status, delete_with_shell
    namespace_class.output = output
