# SPDX-License-Identifier: Apache-2.0
"""keyrouter ledger backup, restore and verify."""
import base64
import sqlite3
import stat

import pytest


@pytest.fixture
def applied(office):
    office.policy(groups=[("sales", ["192.0.2.1-192.0.2.3"], ["k-1"])])
    office.run("apply", "policy.cfg")
    return office


def rows_of(office):
    return [r["what"] for r in office.json("history")["rows"]]


def wanted_of(office):
    key, = office.json("allowlist", "k-1")["keys"]
    return [h["host"] for h in key["add"]]


# ---- backup


def test_a_backup_is_a_ledger_that_only_its_owner_reads(applied):
    done = applied.run("ledger", "backup", "b.db")
    backup = applied.folder / "b.db"
    assert done.out == f"b.db: {backup.stat().st_size} bytes\n"
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert applied.run("ledger", "verify", "--ledger", "b.db", ledger=False).out.startswith("The ledger is sound")
    assert sorted(p.name for p in applied.folder.glob("b.db.*")) == ["b.db.lock"]


def test_a_backup_goes_over_no_file_unless_it_is_told_to(applied):
    backup = applied.folder / "b.db"
    backup.write_text("mine")
    err = applied.run("ledger", "backup", "b.db", status=73).err
    assert "cannot write b.db: File exists" in err and "--force" in err
    assert backup.read_text() == "mine"
    applied.run("ledger", "backup", "b.db", "--force")
    assert backup.read_bytes().startswith(b"SQLite format 3\0")
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600


def test_a_backup_to_a_folder_that_is_not_there(applied):
    err = applied.run("ledger", "backup", "no/b.db", status=73).err
    assert "cannot write no/b.db: No such file or directory" in err


def test_a_backup_to_a_full_disk_leaves_nothing(applied):
    assert "No space left" in applied.run("ledger", "backup", "-", status=74, to="/dev/full").err


def test_a_backup_to_standard_output_is_bytes_alone(applied):
    applied.run("ledger", "backup", "a.db")
    applied.run("ledger", "backup", "-", to=applied.folder / "b.db")
    assert (applied.folder / "b.db").read_bytes() == (applied.folder / "a.db").read_bytes()


def test_json_has_the_members_of_the_contract(applied):
    document = applied.json("ledger", "backup", "b.db")
    assert set(document) == {"schema", "bytes", "data"}
    data = base64.b64decode(document["data"], validate=True)
    assert (document["schema"], document["bytes"]) == ("keyrouter.backup/1", len(data))
    assert (applied.folder / "b.db").read_bytes() == data
    assert "--json wants a FILE" in applied.run("ledger", "backup", "-", "--json", status=64).err


# ---- restore


def test_a_backup_comes_back_and_the_history_goes_on(applied):
    applied.run("ledger", "backup", "b.db")
    applied.run("allowlist", "confirm", "k-1", "--added", "all")
    assert wanted_of(applied) == []
    done = applied.run("ledger", "restore", "b.db", "-m", "slipped")
    assert done.out == "Restored, as row 3: the policy of row 1 is in force\n"
    assert wanted_of(applied) == ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
    row = applied.json("history")["rows"][0]
    assert (row["id"], row["what"], row["why"], row["revision"]) == (3, "restore", "slipped", 1)
    applied.run("ledger", "verify")


def test_restore_json_has_the_members_of_the_contract(applied):
    applied.run("ledger", "backup", "b.db")
    document = applied.json("ledger", "restore", "b.db")
    assert document == {"schema": "keyrouter.restore/1", "revision": 1, "row": 2}


def test_a_damaged_ledger_is_moved_away_and_a_new_one_restored(applied):
    applied.run("ledger", "backup", "b.db")
    applied.ledger.write_bytes(applied.ledger.read_bytes()[:5000])
    err = applied.run("allowlist", status=65).err
    assert "keyrouter ledger restore BACKUP --ledger FILE" in err
    applied.ledger.rename(applied.folder / "damaged.db")
    applied.run("ledger", "restore", "b.db")
    assert wanted_of(applied) == ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
    applied.run("ledger", "verify")


def other_database(path):
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE t (x)")
    connection.commit()
    connection.close()


def torn_backup(path):
    path.write_bytes(path.read_bytes()[:20000])


@pytest.mark.parametrize("make", [
    lambda path: path.write_text("no ledger\n"), lambda path: path.write_bytes(b""),
    torn_backup, lambda path: (path.unlink(), other_database(path))],
    ids=["text", "empty", "torn", "another database"])
def test_what_is_no_ledger_is_refused_and_nothing_is_lost(applied, make):
    backup = applied.folder / "b.db"
    applied.run("ledger", "backup", "b.db")
    make(backup)
    before = rows_of(applied)
    assert "this is no ledger to restore: " in applied.run("ledger", "restore", "b.db", status=65).err
    assert rows_of(applied) == before
    applied.run("ledger", "verify")


def test_a_backup_that_is_not_there(applied):
    assert "nowhere: No such file" in applied.run("ledger", "restore", "nowhere", status=66).err


# ---- verify


def test_a_sound_ledger_says_so(applied):
    assert applied.run("ledger", "verify").out == "The ledger is sound: 1 row, 3 entries\n"
    document = applied.json("ledger", "verify")
    assert document == {"schema": "keyrouter.verify/1", "sound": True, "flaws": [], "rows": 1, "entries": 3}


def test_a_ledger_changed_by_hand_is_told_with_its_flaws(applied):
    connection = sqlite3.connect(applied.ledger)
    connection.execute("UPDATE history SET who = 'nobody'")
    connection.commit()
    connection.close()
    done = applied.run("ledger", "verify", status=65)
    assert done.out == ""
    assert "keyrouter ledger verify: " in done.err and "keyrouter ledger restore" in done.err
    document = applied.json("ledger", "verify", status=65)
    assert document["sound"] is False and document["flaws"]


def test_a_ledger_that_is_not_there_is_not_made_to_be_verified(office):
    assert "there is no ledger" in office.run("ledger", "verify", status=66).err
    assert not office.ledger.exists()
