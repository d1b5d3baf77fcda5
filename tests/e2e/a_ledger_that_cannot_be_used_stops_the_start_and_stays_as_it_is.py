# SPDX-License-Identifier: Apache-2.0
"""What is where the ledger should be decides whether the router starts; what is none is never touched."""
import contextlib
import os
import sqlite3

import pytest
from support.site import HOSTS

STREET = HOSTS["us-street"]
LOOKUP = "/street-address?street=1%20Main%20St&city=Springfield&state=IL"
EXIT_OS, EXIT_CONFIG = 71, 78


def start_refused(site, status=EXIT_CONFIG):
    """What the router prints."""
    router = site.start_router(apply=False, ready=False)
    assert router.wait_end() == status
    return "\n".join(router.noise)


def alter(path, *statements):
    """As a person would with sqlite3; leaves one file."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        for statement in (*statements, "PRAGMA wal_checkpoint(TRUNCATE)"):
            db.execute(statement)
        db.commit()
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def torn(path):
    """The second half never reached the disk."""
    alter(path)
    os.truncate(path, path.stat().st_size // 2)


def scratched(path):
    """Pages in the middle are those of another file."""
    alter(path)
    with open(path, "r+b") as f:
        f.seek(path.stat().st_size // 2)
        f.write(b"\xa5" * 8192)


def letter(path):
    path.write_text("Dear Sir or Madam,\n" * 500)


def other_database(path):
    path.unlink()
    alter(path, "CREATE TABLE entry (provider TEXT, key TEXT, host TEXT)")


def later(path):
    alter(path, "PRAGMA user_version = 99")


def unlike_its_schema(path):
    alter(path, "ALTER TABLE entry ADD COLUMN mine TEXT")


@pytest.mark.parametrize("spoil, says", [
    (torn, "the ledger is damaged: "), (scratched, "the ledger is damaged: "),
    (unlike_its_schema, "the ledger is damaged: its tables are not those"),
    (letter, "the file is not a ledger of keyrouter: it is no SQLite file"),
    (other_database, "the file is not a ledger of keyrouter: it is a SQLite file of another"),
    (later, "the ledger is of a later version of keyrouter: its schema is version 99")])
def test_what_is_no_sound_ledger_of_ours_is_refused(desk_site, spoil, says):
    desk_site.write_policy()
    desk_site.prepare()
    spoil(desk_site.ledger)
    before, mode = desk_site.ledger.read_bytes(), desk_site.ledger.stat().st_mode
    said = start_refused(desk_site)
    assert f"keyrouterd: {desk_site.ledger}: {says}" in said and "it is left as it is: " in said
    assert (desk_site.ledger.read_bytes(), desk_site.ledger.stat().st_mode) == (before, mode)


def test_one_in_a_folder_that_is_not_there_is_refused(desk_site):
    desk_site.ledger = desk_site.folder / "nowhere" / "ledger.db"
    assert "its folder is not there" in start_refused(desk_site, EXIT_OS)


@pytest.mark.parametrize("version", [1, 2])
def test_one_of_an_older_version_is_brought_up_to_date(desk_site, version):
    desk_site.write_policy()
    desk_site.prepare()
    newer = ["switched_off", "pending", *(["pin"] if version == 1 else [])]
    alter(desk_site.ledger, *(f"DROP TABLE {table}" for table in newer), f"PRAGMA user_version = {version}")
    router = desk_site.start_router(apply=False)
    with desk_site.connect_router(router, "127.1.0.1") as client:
        assert client.request("GET", LOOKUP, STREET).status == 200
    assert router.wait_event("exchange")["reason"] == "slot 2 of 100 on key-1"
    control = desk_site.control()
    assert control.ask("status")["ledger"]["schema"] == 3
    assert control.ask("ledger-verify")["sound"] is True
    control.ask("suspend", names=["key-1"])  # which needs what is new
    assert [s["name"] for s in control.ask("status")["switched_off"]] == ["key:key-1"]


def test_one_that_another_process_holds_is_left_to_it(desk_site):
    first = desk_site.start_router()
    said = start_refused(desk_site, EXIT_OS)
    holder = f"another process holds the ledger: process {first.pid} holds it"
    assert f"keyrouterd: {desk_site.ledger}: {holder}" in said
    refused = desk_site.keyrouter("history", "--ledger", desk_site.ledger, status=69)
    assert refused == ""
    with desk_site.connect_router(first, "127.1.0.1") as client:
        assert client.request("GET", LOOKUP, STREET).status == 200
    assert desk_site.control().ready()[0] == 200  # its socket was not taken from it


def test_one_whose_holder_was_killed_is_free(desk_site):
    desk_site.start_router().kill()
    router = desk_site.start_router(apply=False)
    with desk_site.connect_router(router, "127.1.0.1") as client:
        assert client.request("GET", LOOKUP, STREET).status == 200
    assert desk_site.control().ask("ledger-verify")["sound"] is True


def test_a_policy_that_does_not_load_any_more_stops_the_start_with_what_is_wrong(desk_site):
    desk_site.write_policy()
    desk_site.prepare()
    (desk_site.credentials / "key-1").unlink()
    before = desk_site.ledger.read_bytes()
    assert "error: credential of key key-1 cannot be read" in start_refused(desk_site)
    assert desk_site.ledger.read_bytes() == before
