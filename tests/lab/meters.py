# SPDX-License-Identifier: GPL-2.0-or-later
"""The traffic meters as the tests use them: start one, ask it about a window of time.

mh-meter (meter_main.cpp) writes records and knows nothing of faults; everything here is computed
from those records when asked, for any window [start, end] of CLOCK_MONOTONIC nanoseconds, so one
meter serves a whole run.  A gap is the longest interval between two consecutive receptions that
touches the window: it may begin before it (the last packet before the fault) and is "open" if
nothing was received up to its end.  Central: Flow.gap().
"""

import bisect
import collections
import dataclasses
import os
import pathlib
import shutil
import typing

from . import plan
from .netns import now_ns
from .waiting import wait_for

PORT = 5000


def binary():
    """Path of mh-meter: $MULTIHOME_METER, or in the build directory, or on the PATH."""
    candidates = [os.environ.get("MULTIHOME_METER")]
    build = os.environ.get("MULTIHOME_BUILD")
    if build:
        candidates.append(f"{build}/tests/lab/mh-meter")
    candidates.append(shutil.which("mh-meter"))
    for path in candidates:
        if path and os.access(path, os.X_OK):
            return path
    raise FileNotFoundError(
        "no mh-meter: set MULTIHOME_BUILD, or build tests/lab and set MULTIHOME_METER"
    )


class Reply(typing.NamedTuple):
    """An echo: times in ns, and whom the server saw."""

    received: int
    sent: int
    served: int
    source: str
    port: int


@dataclasses.dataclass(frozen=True)
class Gap:
    """The longest silence of a window.  Times in ns, `ms` in milliseconds."""

    start: int
    end: int
    is_open: bool  # nothing came until the end of the window

    @property
    def ms(self):
        return (self.end - self.start) / 1e6

    def __str__(self):
        return f"{'> ' if self.is_open else ''}{self.ms:.1f} ms"


def longest_gap(times, start, end):
    """The longest gap of sorted reception times that touches [start, end]."""
    first = max(bisect.bisect_left(times, start) - 1, 0)
    last = bisect.bisect_right(times, end)
    inside = times[first:last]
    before = inside[0] if inside and inside[0] < start else start
    edges = [before, *(t for t in inside if t >= start), end]
    best = max(zip(edges, edges[1:]), key=lambda pair: pair[1] - pair[0])
    is_open = best[1] == end and (not inside or inside[-1] != end)
    return Gap(best[0], best[1], is_open)


class RunningTime:
    """Time as the machine ran: without what it stood still, or ran others, for milliseconds on end.

    Told by the echoes of a flow that nothing disturbs but the machine.
    """

    _STEP_NS = 2_500_000  # an echo is due every 2 ms; what is more is not the machine running

    def __init__(self, times):
        self._times = times
        self._sums = [0]
        for earlier, later in zip(times, times[1:]):
            self._sums.append(self._sums[-1] + min(later - earlier, self._STEP_NS))

    def __call__(self, time):
        i = max(bisect.bisect_right(self._times, time) - 1, 0)
        return self._sums[i] + max(0, min(time - self._times[i], self._STEP_NS))


class _Records:
    """A record file that is read on as it grows."""

    def __init__(self, path):
        self.path = pathlib.Path(path)
        self._offset = 0

    def fresh(self):
        """Complete lines written since the last call, split into words."""
        try:
            with open(self.path, "rb") as file:
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            return
        data = data[: data.rfind(b"\n") + 1]
        self._offset += len(data)
        for line in data.decode().splitlines():
            yield line.split()


class Meter:
    """One running mh-meter."""

    def __init__(self, lab, role, name, arguments):
        self._lab = lab
        self.name = name
        path = lab.log_directory / f"meter-{name}.records"
        path.unlink(missing_ok=True)
        self._records = _Records(path)
        argv = [binary(), arguments[0], "--log", str(path), *arguments[1:]]
        self.error_log = lab.log(f"meter-{name}")
        self.process = lab.ledger.spawn(lab[role].argv(argv), self.error_log)

    def stop(self):
        self._lab.ledger.end(self.process.pid)

    def _check_alive(self):
        code = self.process.poll()
        if code is not None:
            raise RuntimeError(f"meter {self.name} ended ({code}): {self.error_log.read_text()}")

    def refresh(self):
        for words in self._records.fresh():
            self._take(words)

    def _take(self, words):
        raise NotImplementedError


class Server(Meter):
    """The echo server; it remembers who was seen when."""

    def __init__(self, lab, role="internet", addresses=None, port=PORT, name=None):
        addresses = addresses or [plan.INTERNET4, plan.INTERNET6]
        self.is_serving = False
        self._arrivals = collections.defaultdict(list)  # flow -> times
        self._sources = []  # (time, source address)
        arguments = ["serve", "--port", str(port)]
        for address in addresses:
            arguments += ["--listen", address]
        super().__init__(lab, role, name or f"server-{role}", arguments)
        wait_for(self._serves, what=f"meter {self.name} serves")

    def _serves(self):
        self._check_alive()
        self.refresh()
        return self.is_serving

    def _take(self, words):
        if words[0] == "#":
            self.is_serving = True
        elif words[0] == "U":
            self._arrivals[int(words[2])].append(int(words[1]))
            self._sources.append((int(words[1]), words[4]))
        elif words[0] == "A":
            self._sources.append((int(words[1]), words[2]))

    def gap(self, flow, start, end=None):
        """The one-way gap of a UDP flow, as the server saw it."""
        end = end or now_ns()  # before reading, or the reading itself would look like silence
        self.refresh()
        return longest_gap(self._arrivals[flow.number], start, end)

    def sources(self, start=0, end=None):
        """Who was seen, and how often: {address: packets or connections}."""
        self.refresh()
        limit = end or now_ns()
        return dict(collections.Counter(s for t, s in self._sources if start <= t <= limit))


class Flow(Meter):
    """A long-lived UDP or TCP flow with an echo."""

    def __init__(self, lab, kind, to, role="lan", bind=None, interval_us=None, name=None,
                 port=PORT):  # fmt: skip
        self.kind = kind
        self.number = None  # the flow's number in the server's records
        self.broken = None  # (time, errno) once a TCP connection broke
        self.errors = []  # (time, errno) of failed sends
        self.late = []  # (time, ticks) the meter itself could not keep its time
        self.times = []
        self.replies = []
        interval_us = interval_us or (2000 if kind == "udp" else 10000)
        arguments = [kind, "--port", str(port), "--to", to, "--interval-us", str(interval_us)]
        arguments += ["--bind", bind] if bind else []
        super().__init__(lab, role, name or f"{kind}-{bind or role}-{to}", arguments)

    def _take(self, words):
        kind, values = words[0], words[1:]
        if kind == "R":
            sent, served, received = (int(v) for v in values[:3])
            self.times.append(received)
            self.replies.append(Reply(received, sent, served, values[3], int(values[4])))
        elif kind == "S":
            self.number = int(values[1])
        elif kind == "E":
            self.errors.append((int(values[0]), int(values[1])))
        elif kind == "L":
            self.late.append((int(values[0]), int(values[1])))
        elif kind == "X":
            self.broken = (int(values[0]), int(values[1]))

    def wait_flowing(self, since=0, timeout=10.0):
        """Wait for an echo received after `since`; returns the time of the first."""

        def flowing():
            self._check_alive()
            self.refresh()
            return next(iter(self.times[bisect.bisect_right(self.times, since) :]), None)

        return wait_for(flowing, timeout, what=f"{self.name} is echoed")

    def gap(self, start, end=None, time=int):
        """The round-trip gap in a window that ends now unless told; `time` may be a RunningTime."""
        end = end or now_ns()
        self.refresh()
        first = max(bisect.bisect_left(self.times, start) - 1, 0)
        return longest_gap([time(t) for t in self.times[first:]], time(start), time(end))

    def sources(self, start=0, end=None):
        """The sources that the server saw of this flow: {address: echoes}."""
        self.refresh()
        limit = end or now_ns()
        return dict(collections.Counter(r.source for r in self._between(start, limit)))

    def round_trips_ms(self, start=0, end=None):
        self.refresh()
        limit = end or now_ns()
        return [(r.received - r.sent) / 1e6 for r in self._between(start, limit)]

    def _between(self, start, end):
        first, last = bisect.bisect_left(self.times, start), bisect.bisect_right(self.times, end)
        return self.replies[first:last]


class Connector(Meter):
    """A new TCP connection every interval."""

    def __init__(self, lab, to, role="lan", bind=None, interval_us=20000, timeout_ms=1000,
                 name=None, port=PORT):  # fmt: skip
        self._good = []  # (begun, established, source)
        self._bad = []  # (begun, errno)
        arguments = ["connect", "--port", str(port), "--to", to, "--interval-us", str(interval_us)]
        arguments += ["--timeout-ms", str(timeout_ms)] + (["--bind", bind] if bind else [])
        super().__init__(lab, role, name or f"connect-{bind or role}-{to}", arguments)

    def _take(self, words):
        if words[0] == "N":
            self._good.append((int(words[1]), int(words[2]), words[4]))
        elif words[0] == "F":
            self._bad.append((int(words[1]), int(words[3])))

    def successes(self, start=0, end=None):
        """(begun, established, source) of the connections begun in the window that worked."""
        self.refresh()
        limit = end or now_ns()
        return sorted(g for g in self._good if start <= g[0] <= limit)

    def failures(self, start=0, end=None):
        """(begun, errno) of the connections begun in the window that failed."""
        self.refresh()
        limit = end or now_ns()
        return sorted(b for b in self._bad if start <= b[0] <= limit)

    def wait_working(self, since=0, timeout=10.0):
        """Wait for a connection begun after `since` that works; returns when it was begun."""

        def working():
            self._check_alive()
            good = self.successes(since)
            return good and good[0][0]

        return wait_for(working, timeout, what=f"{self.name} connects")

    def gap(self, start, end=None, time=int):
        """The longest time without a connection begun that worked (without a SYN repeated)."""
        end = end or now_ns()
        self.refresh()
        prompt = sorted(time(g[0]) for g in self._good if g[1] - g[0] < 500_000_000)
        return longest_gap(prompt, time(start), time(end))
