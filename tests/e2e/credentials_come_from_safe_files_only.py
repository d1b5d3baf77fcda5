# SPDX-License-Identifier: Apache-2.0
"""Where keys may lie, in which form, and what is said when one is not fit: never its value."""
import os
import resource
import signal

import pytest
from support.site import HOSTS
from support.waiting import wait_until

STREET = HOSTS["us-street"]
LOOKUP = "/street-address?street=1%20Main%20St&city=Springfield&state=IL"
EXIT_CONFIG = 78


def refusal(site, **options):
    """Starts the router, which must refuse: what it printed."""
    router = site.start_router(ready=False, **options)
    assert router.wait_end() == EXIT_CONFIG
    return "\n".join(router.noise)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_file_that_others_can_read_is_refused_with_the_remedy(desk_site, mode):
    path = desk_site.credentials / "key-1"
    path.chmod(mode)
    said = refusal(desk_site)
    assert f"{path}: error: credential file has mode {mode:04o} instead of 0600 or 0400" in said
    assert f"chmod 600 {path}" in said


def test_a_symbolic_link_is_refused(desk_site):
    path = desk_site.credentials / "key-1"
    path.rename(desk_site.credentials / "elsewhere")
    path.symlink_to("elsewhere")
    assert "credential is a symbolic link" in refusal(desk_site)


def test_all_that_is_wrong_is_said_at_once(desk_site):
    (desk_site.credentials / "key-1").unlink()
    desk_site.write_credential("secret-1", {"id": "x"})
    said = refusal(desk_site)
    assert f"{desk_site.policy_path}:" in said
    assert ": error: credential of key key-1 cannot be read: No such file or directory" in said
    assert "secret-1: error: credential of backend secret-1 has no token=" in said


def test_a_key_that_was_pasted_for_its_name_is_not_shown(desk_site):
    pasted = "219837465018273645"
    desk_site.keys[0]["credential"] = pasted
    said = refusal(desk_site, apply=False, argv=["--check"])
    assert "credential of key key-1 cannot be read: No such file or directory" in said
    assert pasted not in said


@pytest.mark.parametrize("text, message", [
    ("key=\n", "key-1:1: error: key is empty"),
    ("\n# a comment\nkey=1\nkey=2\n", "key-1:4: error: key is given twice"),
    ("password=hunter2\n", "key-1:1: error: unknown field in a credential"),
    ("21102174564513388\n", "key-1:1: error: line of a credential is not field=value"),
    ("key=a\0b\n", "key-1:1: error: line of a credential holds a NUL byte"),
    ("key=" + "1" * 5000, "key-1: error: credential file is longer than 4096 bytes"),
])
def test_the_form_is_checked_and_the_value_not_shown(desk_site, text, message):
    (desk_site.credentials / "key-1").write_text(text)
    said = refusal(desk_site)
    assert message in said
    assert not any(value in said for value in ("hunter2", "21102174564513388", "1111"))


def test_line_ends_of_any_system_are_dropped(desk_site):
    value = desk_site.vendor.keys["key-1"].values["key"]
    (desk_site.credentials / "key-1").write_bytes(f"# for the desks\r\n\r\nkey={value}\r\n".encode())
    router = desk_site.start_router()
    with desk_site.connect_router(router, "127.1.0.1") as client:
        assert client.request("GET", LOOKUP, STREET).status == 200
    assert [r["class"] for r in desk_site.vendor.records()] == ["embedded"]


def test_the_service_managers_directory_comes_first_and_its_modes_are_its_own(desk_site):
    handed_over = desk_site.folder / "handed-over"
    desk_site.credentials.rename(handed_over)
    desk_site.credentials = handed_over
    for name in os.listdir(handed_over):
        (handed_over / name).chmod(0o440)
    router = desk_site.start_router({"credentials": str(desk_site.folder / "nowhere")},
                                    environment={"CREDENTIALS_DIRECTORY": str(handed_over)})
    with desk_site.connect_router(router, "127.1.0.1") as client:
        assert client.request("GET", LOOKUP, STREET).status == 200
    assert [r["key"] for r in desk_site.vendor.records()] == ["key-1"]


def memory_holds(process, value):
    """Does it stand anywhere in what the process may write?"""
    with open(f"/proc/{process.pid}/maps") as maps, open(f"/proc/{process.pid}/mem", "rb") as memory:
        for line in maps:
            span, rights = line.split()[:2]
            begin, end = (int(word, 16) for word in span.split("-"))
            if not rights.startswith("rw") or end - begin > 1 << 26:  # a sanitizer's own are larger
                continue
            memory.seek(begin)
            try:
                if value in memory.read(end - begin):
                    return True
            except OSError:  # gone meanwhile, or not to be read
                continue
    return False


@pytest.mark.skipif(os.getuid() != 0, reason="only root looks into a process that keeps no core file")
def test_a_credential_that_was_replaced_is_gone_from_memory_even_where_nobody_asks(desk_site):
    router = desk_site.start_router()
    old = desk_site.vendor.keys["key-1"].values["key"].encode()
    assert memory_holds(router, old)
    rolled = desk_site.vendor.add_embedded("key-1-rolled", ["127.1.0.1"])
    desk_site.write_credential("key-1", rolled.values)
    router.signal(signal.SIGHUP)
    router.wait_event("reloaded")
    wait_until(lambda: not memory_holds(router, old), "the old key is gone")
    assert memory_holds(router, rolled.values["key"].encode())


def test_the_process_is_not_allowed_a_core_file(desk_site):
    router = desk_site.start_router()
    limits = open(f"/proc/{router.pid}/limits").read()
    row = next(line for line in limits.splitlines() if line.startswith("Max core file size"))
    assert row.split()[4:6] == ["0", "0"]


def core_files_stay_in_the_folder():
    """And are not piped into a program, put elsewhere, or forbidden to all."""
    with open("/proc/sys/kernel/core_pattern") as f:
        pattern = f.read()
    return pattern[0] not in "|/" and resource.getrlimit(resource.RLIMIT_CORE)[1] != 0


@pytest.mark.skipif(not core_files_stay_in_the_folder(), reason="this system keeps no core files here")
@pytest.mark.parametrize("program", ["keyrouterd", "keyshim"])
def test_a_crash_leaves_no_core_file(desk_site, program):
    router = desk_site.start_router()
    shim = desk_site.start_shim("127.1.0.1")
    victim = {"keyrouterd": router, "keyshim": shim}[program]
    with desk_site.connect_router(router, "127.1.0.1") as client:
        assert client.request("GET", LOOKUP, STREET).status == 200
    victim.signal(signal.SIGABRT)
    assert victim.wait_end() == -signal.SIGABRT
    assert [path.name for path in desk_site.folder.iterdir() if "core" in path.name] == []
