# SPDX-License-Identifier: Apache-2.0
"""keyrouter allowlist confirm: an administrator says what has been added and removed at the vendor."""
import pytest

from support.site import PROVIDER


@pytest.fixture
def opened(office):
    """On k-1 .1 to .3 are to be added; a policy later .2 and .3 are to be removed, and .4 to be added."""
    office.policy(groups=[("sales", ["192.0.2.1-192.0.2.3"], ["k-1"])])
    office.run("apply", "policy.cfg")
    return office


def change(office):
    office.run("allowlist", "confirm", "k-1", "--added", "all")
    office.policy(groups=[("sales", ["192.0.2.1", "192.0.2.4"], ["k-1"])])
    office.run("apply", "policy.cfg")


def hosts_of(office):
    """{state: hosts} of k-1, as allowlist tells them."""
    key, = office.json("allowlist", "k-1")["keys"]
    return {"add": [h["host"] for h in key["add"]], "remove": [h["host"] for h in key["remove"]],
            "propagating": key["propagating"], "live": key["live"]}


def rows_of(office):
    return len(office.json("history")["rows"])


def test_what_is_added_propagates(opened):
    done = opened.run("allowlist", "confirm", "k-1", "--added", "all")
    assert done.out == "key k-1: 3 added, 0 removed; nothing is left to be done\n"
    assert hosts_of(opened) == {"add": [], "remove": [], "live": [],
                                "propagating": ["192.0.2.1", "192.0.2.2", "192.0.2.3"]}


def test_what_a_vendor_spreads_at_once_is_live_at_once(office):
    (office.folder / "smarty.cfg").write_text(
        PROVIDER.read_text().replace("propagation_s = 600", "propagation_s = 0"))
    office.policy(groups=[("sales", ["192.0.2.1"], ["k-1"])],
                  providers=[str(office.folder / "smarty.cfg")])
    office.run("apply", "policy.cfg")
    office.run("allowlist", "confirm", "k-1", "--added", "all")
    assert hosts_of(office) == {"add": [], "remove": [], "propagating": [], "live": ["192.0.2.1"]}


def test_what_is_removed_is_gone(opened):
    change(opened)
    assert hosts_of(opened)["remove"] == ["192.0.2.2", "192.0.2.3"]
    done = opened.run("allowlist", "confirm", "k-1", "--removed", "all")
    assert done.out == "key k-1: 0 added, 2 removed; left: 1 to add, 0 to remove\n"
    assert hosts_of(opened) == {"add": ["192.0.2.4"], "remove": [], "propagating": ["192.0.2.1"], "live": []}


def test_both_in_one_step_and_one_row(opened):
    change(opened)
    n_rows = rows_of(opened)
    document = opened.json("allowlist", "confirm", "k-1", "--added", "all", "--removed", "all")
    assert document == {"schema": "keyrouter.allowlist-confirm/1", "key": "k-1", "added": 1, "removed": 2,
                        "untold": False, "left": {"add": 0, "remove": 0}}
    assert rows_of(opened) == n_rows + 1


def test_a_part_of_it_from_a_file(opened):
    (opened.folder / "done").write_text("# of Monday\n192.0.2.3\n\n192.0.2.1  # desk 1\n")
    done = opened.run("allowlist", "confirm", "k-1", "--added", "done")
    assert done.out == "key k-1: 2 added, 0 removed; left: 1 to add, 0 to remove\n"
    assert hosts_of(opened)["add"] == ["192.0.2.2"]


def test_a_part_of_it_from_standard_input(opened):
    only = opened.run("allowlist", "k-1", "--only", "add").out
    opened.run("allowlist", "confirm", "k-1", "--added", "-", stdin=only)
    assert hosts_of(opened)["add"] == []


def test_twice_is_no_more_than_once(opened):
    opened.run("allowlist", "confirm", "k-1", "--added", "all")
    n_rows = rows_of(opened)
    again = opened.run("allowlist", "confirm", "k-1", "--added", "all")
    assert again.out == "key k-1: 0 added, 0 removed; nothing is left to be done\n"
    assert rows_of(opened) == n_rows


def test_an_address_that_stands_twice_is_one(opened):
    done = opened.run("allowlist", "confirm", "k-1", "--added", "-", stdin="192.0.2.1\n192.0.2.1\n")
    assert "1 added" in done.out
    assert "standard input:2: warning: 192.0.2.1 is listed twice, first in line 1" in done.err


def test_one_wrong_host_refuses_all_and_each_is_named(opened):
    change(opened)
    before, n_rows = hosts_of(opened), rows_of(opened)
    (opened.folder / "done").write_text("192.0.2.4\n192.0.2.1\n192.0.2.2\n203.0.113.9\n")
    err = opened.run("allowlist", "confirm", "k-1", "--added", "done", "--removed", "all", status=65).err
    assert "192.0.2.1 is not to be added to key k-1: it is propagating there" in err
    assert "192.0.2.2 is not to be added to key k-1: it is leaving there" in err
    assert "203.0.113.9 is not to be added to key k-1: nothing is known of it there" in err
    assert "192.0.2.4" not in err
    assert "nothing is confirmed: 3 errors" in err
    assert (hosts_of(opened), rows_of(opened)) == (before, n_rows)


def test_a_wrong_line_is_named_and_never_repeated(opened):
    before = hosts_of(opened)
    (opened.folder / "done").write_text("192.0.2.1\n123456789012345678\n192.0.2.300\n")
    done = opened.run("allowlist", "confirm", "k-1", "--added", "done", status=65)
    assert done.err.splitlines() == [
        "done:2: error: no IP address stands in this line",
        "done:3: error: no IP address stands in this line",
        "keyrouter allowlist confirm: done has 2 errors; nothing has changed"]
    assert hosts_of(opened) == before


def test_why_is_kept(opened):
    opened.run("allowlist", "confirm", "k-1", "--added", "all", "-m", "ticket 77")
    row = opened.json("history")["rows"][0]
    assert (row["what"], row["why"]) == ("allowlist confirm", "ticket 77")
    assert row["summary"] == "key k-1: 3 added, 0 removed at the vendor"


@pytest.mark.parametrize("words, status, says", [
    (["k-1"], 64, "say what has been done at the vendor"),
    ([], 64, "KEY is missing"),
    (["k-1", "--added", "-", "--removed", "-"], 64, "standard input can be one of the two lists"),
    (["k-1", "--added", "nowhere"], 66, "nowhere: No such file or directory"),
    (["k-11", "--added", "all"], 66, 'the policy in force has no key "k-11"\n    did you mean "k-1"?'),
])
def test_what_cannot_be_taken_is_refused(opened, words, status, says):
    assert says in opened.run("allowlist", "confirm", *words, status=status).err


def test_the_routers_own_address_is_left_out_and_it_is_told(office):
    office.policy(keys=[("k-1", {})], groups=[("sales", ["192.0.2.1"], ["k-1"], {"egress": "router"})])
    office.run("apply", "policy.cfg")
    done = office.run("allowlist", "confirm", "k-1", "--added", "all")
    assert "0 added, 0 removed; left: 1 to add" in done.out
    assert "the router's own address is left out: say it in keyrouterd.cfg (address)" in done.err
    assert office.json("allowlist", "confirm", "k-1", "--added", "all")["untold"] is True
    office.run("apply", "policy.cfg", "--router-address", "203.0.113.4")
    done = office.run("allowlist", "confirm", "k-1", "--added", "all")
    assert (done.err, "nothing is left to be done" in done.out) == ("", True)
