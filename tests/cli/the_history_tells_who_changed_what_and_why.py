# SPDX-License-Identifier: Apache-2.0
"""keyrouter history, diff and show: what was changed, what lies between two rows, the policy of then."""
import re

import pytest

from support.site import PROVIDER

ROW_MEMBERS = {"id", "at", "who", "what", "why", "summary", "revision", "has_policy", "hash"}


@pytest.fixture
def story(office):
    """1: two keys, two groups. 2: confirmed. 3: .2 moves from k-1 to k-2, .3 comes to k-1."""
    keys = [("k-1", {}), ("k-2", {})]
    office.policy(keys=keys, groups=[("sales", ["192.0.2.1-192.0.2.2"], ["k-1"]),
                                     ("support", ["198.51.100.7"], ["k-2"])])
    office.run("apply", "policy.cfg", "-m", "day one")
    office.run("allowlist", "confirm", "k-1", "--added", "all", "-m", "ticket 77")
    office.policy(keys=keys, groups=[("sales", ["192.0.2.1", "192.0.2.3"], ["k-1"]),
                                     ("support", ["198.51.100.7", "192.0.2.2"], ["k-2"])])
    office.run("apply", "policy.cfg")
    return office


# ---- history


def test_rows_are_a_table_the_newest_first(story):
    lines = story.run("history").out.splitlines()
    assert lines[0].split() == ["row", "time", "who", "what", "policy", "why", "summary"]
    starts = [lines[0].index(head) for head in ("time", "who", "what", "summary")]
    for line, number in zip(lines[1:], "321"):
        assert line.split()[0] == number
        assert all(line[at - 1] == " " and line[at] != " " for at in starts)
    assert re.match(r"  2  \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ  \S+ +allowlist confirm +1  ticket 77  key k-1: 2 added",
                    lines[2])


def test_names_beyond_ascii_do_not_shift_the_columns(story):
    story.run("suspend", "k-1", "-m", "ärgerlich")
    lines = story.run("history").out.splitlines()
    at = lines[0].index("summary")
    assert lines[1][at:] == "suspended key:k-1"


def test_json_has_the_members_of_the_contract(story):
    document = story.json("history")
    assert set(document) == {"schema", "rows", "more"}
    assert (document["schema"], document["more"]) == ("keyrouter.history/1", False)
    assert all(set(row) == ROW_MEMBERS for row in document["rows"])
    assert [(r["id"], r["what"], r["why"], r["revision"], r["has_policy"]) for r in document["rows"]] == [
        (3, "apply", None, 3, True), (2, "allowlist confirm", "ticket 77", 1, False),
        (1, "apply", "day one", 1, True)]
    assert all(re.fullmatch("[0-9a-f]{64}", r["hash"]) and r["who"] for r in document["rows"])


def test_it_is_read_in_pages(story):
    page = story.json("history", "-n", "2")
    assert ([r["id"] for r in page["rows"]], page["more"]) == ([3, 2], True)
    rest = story.json("history", "-n", "2", "--before", "2")
    assert ([r["id"] for r in rest["rows"]], rest["more"]) == ([1], False)
    assert story.run("history", "-n", "2").out.endswith("\nOlder rows: keyrouter history --before 2\n")


def test_behind_the_oldest_row_there_is_none(story):
    assert story.run("history", "--before", "1").out == "No row is older than row 1\n"
    assert story.json("history", "--before", "1")["rows"] == []


def test_an_empty_history_says_so(office):
    office.policy(groups=[("sales", ["192.0.2.1"], ["k-1"])])
    office.run("resume", "--all")
    assert office.run("history").out == "The history is empty\n"


# ---- diff


def test_a_diff_shows_files_moves_and_keys(story):
    out = story.run("diff", "1").out
    head, rest = out.split("\n\n", 1)
    assert head.splitlines()[:2] == [f"--- {story.folder}/policy.cfg", f"+++ {story.folder}/policy.cfg"]
    assert '-    workstations = [ "192.0.2.1-192.0.2.2" ];' in head
    assert '+    workstations = [ "192.0.2.1", "192.0.2.3" ];' in head
    assert rest == ("1 host changed its key\n"
                    "  host       from  to\n"
                    "  192.0.2.2  k-1   k-2\n"
                    "\n"
                    "key k-1 (smarty)\n"
                    "  host       was        is\n"
                    "  192.0.2.1  wanted     propagating\n"
                    "  192.0.2.2  wanted     leaving\n"
                    "  192.0.2.3  not there  wanted\n"
                    "\n"
                    "key k-2 (smarty)\n"
                    "  host       was        is\n"
                    "  192.0.2.2  not there  wanted\n"
                    "\n")


def test_a_diff_backwards_is_the_same_turned_round(story):
    there, back = story.json("diff", "1", "3"), story.json("diff", "3", "1")
    assert [(m["key"], m["host"], m["from"], m["to"]) for m in back["moves"]] == [
        (m["key"], m["host"], m["to"], m["from"]) for m in there["moves"]]
    assert [(m["from"], m["to"]) for m in back["moved"]] == [("k-2", "k-1")]


def test_diff_json_has_the_members_of_the_contract(story):
    document = story.json("diff", "2", "3")
    assert set(document) == {"schema", "a", "b", "policy", "not_kept", "moves", "moved"}
    assert (document["schema"], document["a"], document["b"], document["not_kept"]) == (
        "keyrouter.diff/1", 2, 3, [])
    assert all(set(m) == {"key", "provider", "host", "from", "to"} for m in document["moves"])
    assert document["moved"] == [{"host": "192.0.2.2", "provider": "smarty", "from": "k-1", "to": "k-2"}]
    assert {"key": "k-1", "provider": "smarty", "host": "192.0.2.2", "from": "propagating",
            "to": "leaving"} in document["moves"]
    assert any(line.startswith("@@ -") for line in document["policy"])


def test_from_before_everything_the_files_are_new(story):
    document = story.json("diff", "0", "1")
    assert document["policy"][:3] == ["--- /dev/null", f"+++ {story.folder}/policy.cfg",
                                      document["policy"][2]]
    assert f"+++ {PROVIDER}" in document["policy"]
    assert {(m["from"], m["to"]) for m in document["moves"]} == {(None, "wanted")}


def test_what_does_not_differ_says_so(story):
    assert story.run("diff", "3").out == (
        "Between row 3 and row 3 neither the policy nor what stands on the keys differs\n")


def test_what_went_there_and_back_is_no_move(story):
    story.run("allowlist", "confirm", "k-2", "--added", "all")
    story.run("allowlist", "import", "k-2", "-", "--empty", stdin="Host\n")
    assert [m["to"] for m in story.json("diff", "3", "4")["moves"]] == ["propagating", "propagating"]
    assert story.json("diff", "3", "5")["moves"] == []


def test_an_included_file_that_comes_is_all_new(story):
    (story.folder / "more.d").mkdir()
    (story.folder / "more.d" / "10.cfg").write_text('origins = [ "https://crm.example.com" ];\n')
    story.policy(keys=[("k-1", {}), ("k-2", {})], include=["more.d/*.cfg"],
                 groups=[("sales", ["192.0.2.1", "192.0.2.3"], ["k-1"]),
                         ("support", ["198.51.100.7", "192.0.2.2"], ["k-2"])])
    story.run("apply", "policy.cfg")
    lines = story.json("diff", "3")["policy"]
    at = lines.index(f"+++ {story.folder}/more.d/10.cfg")
    assert lines[at - 1:at + 3] == ["--- /dev/null", lines[at], "@@ -0,0 +1 @@",
                                    '+origins = [ "https://crm.example.com" ];']


# ---- show


def test_show_prints_the_files_of_then(story):
    now, then = story.run("show").out, story.run("show", "2").out
    assert now.startswith(f"# policy: {story.folder}/policy.cfg\n")
    assert '"192.0.2.3"' in now and '"192.0.2.3"' not in then and "192.0.2.1-192.0.2.2" in then
    assert PROVIDER.read_text() in now


def test_show_json_has_the_members_of_the_contract(story):
    document = story.json("show", "2")
    assert set(document) == {"schema", "id", "at", "digest", "files"}
    assert (document["schema"], document["id"]) == ("keyrouter.revision/1", 1)
    assert [f["role"] for f in document["files"]] == ["policy", f"provider {PROVIDER}"]
    assert all(set(f) == {"role", "path", "text"} for f in document["files"])
    assert re.fullmatch("[0-9a-f]{64}", document["digest"])


def test_show_writes_files_that_are_a_policy_again(story):
    text = (story.folder / "policy.cfg").read_text()
    done = story.run("show", "-o", "out")
    assert done.out == "out/policy.cfg\nout/providers/smarty.cfg\n"
    assert (story.folder / "out" / "policy.cfg").read_text() == text
    assert (story.folder / "out" / "providers" / "smarty.cfg").read_text() == PROVIDER.read_text()
    assert story.run("check", "out/policy.cfg", ledger=False).out.startswith("out/policy.cfg: ok")


def test_show_writes_over_nothing_and_then_writes_nothing(story):
    (story.folder / "out" / "providers").mkdir(parents=True)
    (story.folder / "out" / "providers" / "smarty.cfg").write_text("mine")
    err = story.run("show", "-o", "out", status=73).err
    assert err == "keyrouter show: out/providers/smarty.cfg is there already; nothing has been written\n"
    assert not (story.folder / "out" / "policy.cfg").exists()
    assert (story.folder / "out" / "providers" / "smarty.cfg").read_text() == "mine"


# ---- refusals


@pytest.mark.parametrize("words, status, says", [
    (["history", "-n", "many"], 64, '-n wants a number of rows, not "many"'),
    (["history", "-n", "0"], 64, '-n wants a number of rows, not "0"'),
    (["history", "-n", "5000"], 64, '"limit" is not an integer from 1 to 1000'),
    (["history", "--before", "x"], 64, '"x" is no row of keyrouter history'),
    (["diff"], 64, "ROW is missing"),
    (["diff", "3x"], 64, '"3x" is no row of keyrouter history'),
    (["diff", "9223372036854775808"], 64, "is no row of keyrouter history"),
    (["diff", "1", "4"], 66, "there is no row 4 in the history"),
    (["diff", "4"], 66, "there is no row 4 in the history"),
    (["show", "0"], 64, '"0" is no row of keyrouter history'),
    (["show", "77"], 66, "no policy was in force at row 77"),
    (["show", "--json", "-o", "x"], 64, "either --json or --output"),
])
def test_what_cannot_be_answered_is_refused(story, words, status, says):
    assert says in story.run(*words, status=status).err


def test_before_the_first_apply_there_is_nothing_to_show(office):
    office.run("resume", "--all")
    assert "no policy has been applied yet" in office.run("show", status=69).err


def test_no_text_of_a_policy_steers_a_terminal(office):
    for comment in ("# day one", "# \x1b[31mred\x1b[0m \x07 \u009b1m and \xe9"):
        path = office.policy(groups=[("sales", ["192.0.2.1"], ["k-1"])])
        path.write_text(path.read_text() + comment + "\n")
        office.run("apply", "policy.cfg")
    for words in (("show",), ("diff", "1")):
        with office.terminal(*words, environment={"NO_COLOR": "1"}) as t:
            assert t.end() == 0
        assert "# ?[31mred?[0m ? ?1m and \xe9" in t.screen
    assert "\x1b[31mred\x1b[0m \x07" in office.run("show").out  # a file gets it as it is
