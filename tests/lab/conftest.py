# SPDX-License-Identifier: GPL-2.0-or-later
"""What the lab's own tests share."""

import os

import pytest

from . import Lab


@pytest.fixture(scope="module")
def lab():
    """One lab for the tests of a file, which leave it as they found it."""
    with Lab.create(f"t{os.getpid()}") as lab:
        yield lab
