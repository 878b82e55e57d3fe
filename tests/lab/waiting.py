# SPDX-License-Identifier: GPL-2.0-or-later
"""Waiting for a condition, never for a time.

The one place of the lab that sleeps.  A wait that ends in vain says what it waited for and what it
saw last, so that a failed test explains itself.  Central: wait_for().
"""

import time


class Timeout(AssertionError):
    """The condition did not come true."""


def wait_for(condition, timeout=10.0, what=None, interval=0.02):
    """Call condition() until it returns something true; returns that.

    An exception that condition() raises counts as "not yet" and is part of the complaint.
    """
    deadline = time.monotonic() + timeout
    while True:
        seen, error = None, None
        try:
            seen = condition()
            if seen:
                return seen
        except Exception as caught:  # a command that fails until the condition holds
            error = caught
        if time.monotonic() >= deadline:
            name = what or getattr(condition, "__name__", "condition")
            raise Timeout(f"not within {timeout} s: {name}; last seen: {error or seen!r}")
        time.sleep(interval)


def stays(condition, seconds, what=None, interval=0.02):
    """Assert that condition() stays true for so long: for what must *not* happen."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not condition():
            raise AssertionError(f"did not stay true for {seconds} s: {what or condition}")
        time.sleep(interval)
