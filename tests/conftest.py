# SPDX-License-Identifier: GPL-2.0-or-later
"""Makes `lab` importable for the tests below; $MULTIHOME_BUILD is the build directory they try."""

import os
import pathlib

import pytest


def pytest_configure():
    build = os.environ.get("MULTIHOME_BUILD", "")
    if not pathlib.Path(build, "CMakeCache.txt").is_file():
        pytest.exit("set MULTIHOME_BUILD to a build directory (cmake -DMULTIHOME_LAB=ON)", 3)
