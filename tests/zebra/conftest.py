# SPDX-License-Identifier: GPL-2.0-or-later
"""Routers for the tests of this directory; each test has one of its own."""

import pytest

from .harness import Router, unique_name


def _router(module):
    router = Router(unique_name(), module)
    try:
        yield router
        if router.zebra is not None and router.zebra.poll() is None:
            assert router.zebra_lives()
    finally:
        router.close()


@pytest.fixture
def router():
    """A router with the module; zebra is not started yet."""
    yield from _router(module=True)


@pytest.fixture
def stock():
    """A router on stock zebra."""
    yield from _router(module=False)
