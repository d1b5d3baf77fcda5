# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the end-to-end tests: real processes on loopback, a canary check behind each test."""
import os
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from support import REPOSITORY, canary  # noqa: E402
from support.ca import Authority  # noqa: E402
from support.site import PROVIDER, Site  # noqa: E402
from support.vendor_pool import VendorPool  # noqa: E402


def pytest_configure(config):
    """Long tracebacks print the arguments of functions: requests with their keys."""
    config.option.tbstyle = "short"
    config.addinivalue_line("markers", "signal_flood: sends many signals at once; see tests/tsan/watched.py")


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


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    """The CA of the site, one for all tests."""
    return Authority(tmp_path_factory.mktemp("site-ca"))


@pytest.fixture(scope="session")
def vendors(tmp_path_factory):
    """The vendors of all tests, one after the other: most of the time that a site takes to start."""
    pool = VendorPool(tmp_path_factory.mktemp("vendors"))
    yield pool
    pool.stop()


@pytest.fixture(autouse=True)
def canary_check():
    """After each test: no key in any log, answer, file, command line or environment."""
    yield
    canary.check()


@pytest.fixture
def make_site(tmp_path, build_dir, authority, vendors, canary_check):
    """Makes sites; each is stopped behind the test, and must have ended well."""
    sites = []

    def make(**options):
        sites.append(Site(tmp_path / f"site-{len(sites) + 1}", build_dir, authority, vendors, **options))
        return sites[-1]

    yield make
    failures = []
    for site in sites:
        try:
            site.stop()
        except (AssertionError, OSError, RuntimeError) as failure:
            failures.append(failure)
    if failures:
        raise failures[0]


@pytest.fixture
def site(make_site):
    """One site without keys, groups and programs."""
    return make_site()


@pytest.fixture
def desk_site(make_site):
    """A site with a key that lists 127.1.0.1 and 127.1.0.2, a backend, and the group "desks"."""
    site = make_site()
    site.add_key("key-1", hosts=["127.1.0.1", "127.1.0.2"])
    site.add_backend("secret-1")
    site.add_group("desks", ["127.1.0.0/24"])
    return site


@pytest.fixture
def hasty_site(desk_site):
    """Its API us-street has a deadline of one second."""
    shipped = PROVIDER.read_text()
    paths = 'host = "us-street.api.smarty.com"; paths = [ "/street-address" ];'
    assert paths in shipped
    desk_site.write_provider(shipped.replace(paths, paths + " deadline_s = 1;"))
    return desk_site


def pytest_sessionfinish(session):
    """What came after the last test's check: output of programs that a session kept."""
    try:
        canary.check()
    except canary.Leak as leak:
        print(f"\nleak: {leak}")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
    told = getattr(session.config, "workeroutput", None)  # of a process that runs some of the tests
    if told is not None:
        told["canaries"] = canary.n_found, canary.n_bytes_searched


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    n_found, n_bytes = getattr(node, "workeroutput", {}).get("canaries", (0, 0))
    canary.n_found += n_found
    canary.n_bytes_searched += n_bytes


def pytest_terminal_summary(terminalreporter):
    terminalreporter.write_line(
        f"canaries: {canary.n_found} found in {canary.n_bytes_searched} bytes")
