# SPDX-License-Identifier: Apache-2.0
"""Tests of the demonstration itself: it must notice what it claims to show."""
import os
import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
for folder in (HERE, HERE.parent, HERE.parent / "e2e" / "sdk"):
    sys.path.insert(0, str(folder))

from support import REPOSITORY  # noqa: E402


def pytest_configure(config):
    """Long tracebacks print the arguments of functions: requests with their keys."""
    config.option.tbstyle = "short"


def pytest_addoption(parser):
    parser.addoption("--build-dir", help="meson build folder with the programs under test; "
                                         "$KEYROUTER_BUILD, or build")


@pytest.fixture(scope="session")
def build_dir(request):
    told = request.config.getoption("--build-dir", None) or os.environ.get("KEYROUTER_BUILD")
    build = pathlib.Path(told or REPOSITORY / "build").resolve()
    if not build.is_dir():
        pytest.exit(f"{build} is not a build folder; give one with --build-dir", 2)
    return build
