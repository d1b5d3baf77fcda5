# SPDX-License-Identifier: Apache-2.0
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support.vendor import Vendor  # noqa: E402


def pytest_configure(config):
    """Long tracebacks print the arguments of functions: requests with their keys."""
    config.option.tbstyle = "short"


@pytest.fixture(scope="session")
def one_vendor(tmp_path_factory):
    vendor = Vendor(tmp_path_factory.mktemp("vendor"))
    yield vendor
    vendor.stop()


@pytest.fixture
def vendor(one_vendor):
    """As if it had just started."""
    one_vendor.reset()
    return one_vendor
