# SPDX-License-Identifier: Apache-2.0
"""import csv proposes a group, or lines for one, from a table; what it cannot take it lists with its line."""
import ipaddress
import itertools
import random
import re

import pytest
from support.site import PROVIDER

PROVIDERS = ("--providers", str(PROVIDER.parent))


class Import:
    def __init__(self, office):
        self.office = office
        self.table = office.folder / "desks.csv"

    def __call__(self, text, *words, status=0, group="sales", policy=None, **options):
        self.table.write_bytes(text if isinstance(text, bytes) else text.encode())
        more = ("--policy", policy) if policy else ()
        run = self.office.json if options.pop("json", False) else self.office.run
        return run("import", "csv", "desks.csv", "--group", group, *more, *PROVIDERS, *words,
                   status=status, ledger=False, **options)

    def ranges(self, text, status=0, **options):
        return [r["range"] for r in self(text, json=True, status=status, **options)["ranges"]]


@pytest.fixture
def table(office):
    return Import(office)


def check(office, name="policy.cfg", status=0):
    return office.run("check", name, *PROVIDERS, ledger=False, status=status).err


@pytest.mark.parametrize("text, ranges", [
    ("192.0.2.1\n192.0.2.2\n192.0.2.4\n", ["192.0.2.1-192.0.2.2", "192.0.2.4"]),
    ("192.0.2.2\r\n192.0.2.1\r\n", ["192.0.2.1-192.0.2.2"]),
    ("\ufeffname,ip\na,192.0.2.1\nb,192.0.2.2", ["192.0.2.1-192.0.2.2"]),
    ("Name;Street, No;IP-Address\na;1 Main St, 5;192.0.2.1\n", ["192.0.2.1"]),
    ("192.0.2.1;Desk, first\n192.0.2.2;Desk, second\n", ["192.0.2.1-192.0.2.2"]),
    ("desk\taddress\tip\na\t1 Main St\t192.0.2.1\n", ["192.0.2.1"]),
    ("ip,server\n192.0.2.1,192.0.2.200\n192.0.2.2,192.0.2.200\n", ["192.0.2.1-192.0.2.2"]),
    ("Host\n192.0.2.1\n", ["192.0.2.1"]),
    ("Rechner,Netz\na,192.0.2.1\nb,192.0.2.2\n", ["192.0.2.1-192.0.2.2"]),
    ('"192.0.2.1","said ""hello"""\n', ["192.0.2.1"]),
    ("# exported today\n\n192.0.2.1,,\n,,\n", ["192.0.2.1"]),
    ("2001:DB8::1\n2001:db8:0::2\n192.0.2.1\n", ["192.0.2.1", "2001:db8::1-2001:db8::2"]),
    ("::ffff:192.0.2.1\n192.0.2.2\n", ["192.0.2.1-192.0.2.2"]),
    ("192.0.2.255\n192.0.3.0\n", ["192.0.2.255-192.0.3.0"]),
    ("223.255.255.255\n::1:0:0:0\n", ["223.255.255.255", "::1:0:0:0"]),
])
def test_addresses_are_found_whatever_the_table_looks_like(table, text, ranges):
    assert table.ranges(text) == ranges


@pytest.mark.parametrize("text, line, kind, message", [
    ("192.0.2.1\n192.0.2.300\n", 2, "not an address", '"192.0.2.300" is not an address'),
    ("192.0.2.1,a\n,b\n", 2, "not an address", "the row has no address"),
    ("192.0.2.1\n\nten\n", 3, "not an address", '"ten" is not an address'),
    ("192.0.2.1\n192.0.2.5/24\n", 2, "not an address", "is an address with a prefix length"),
    ("192.0.2.1\n192.0.3.0/24\n", 2, "not an address", "is more than one address"),
    ("192.0.2.1\n192.0.2.2-192.0.2.9\n", 2, "not an address", "is more than one address"),
    ("192.0.2.1\n0.0.0.0\n", 2, "not a workstation", "0.0.0.0 is the unspecified address"),
    ("192.0.2.1\n::\n", 2, "not a workstation", ":: is the unspecified address"),
    ("192.0.2.1\n224.0.0.1\n", 2, "not a workstation", "224.0.0.1 is a multicast address"),
    ("192.0.2.1\nff02::1\n", 2, "not a workstation", "ff02::1 is a multicast address"),
    ("192.0.2.1\n255.255.255.255\n", 2, "not a workstation",
     "255.255.255.255 is the broadcast address, which no host can have"),
    ("192.0.2.1\n192.0.2.2\n192.0.2.1\n", 3, "twice", "192.0.2.1 is there twice, first in line 1"),
    ('192.0.2.1,"two\nlines"\nx\n', 3, "not an address", '"x" is not an address'),
    ('192.0.2.1\n"192.0.2.2\n192.0.2.3\n', 2, "syntax", "is not closed"),
])
def test_a_row_that_cannot_be_taken_is_named_and_the_rest_is_proposed(table, text, line, kind, message):
    document = table(text, json=True, status=65)
    [conflict] = document["conflicts"]
    assert (conflict["line"], conflict["kind"], conflict["taken"]) == (line, kind, False)
    assert message in conflict["message"]
    assert document["desks"] >= 1 and '"192.0.2.1' in document["proposal"]
    done = table(text, status=65)
    assert f"desks.csv:{line}: error: {conflict['message']}" in done.err
    assert done.out.replace("\n", "") == document["proposal"].replace("\n", "")


def test_each_line_says_where_it_comes_from(table):
    done = table("desk,ip\nwindow,192.0.2.9\nx,192.0.2.1\ny,192.0.2.2\n")
    assert '"192.0.2.1-192.0.2.2",   # desks.csv:3-4\n' in done.out
    assert '"192.0.2.9"   # desks.csv:2, window\n' in done.out
    assert re.search(r"# 3 desks in 2 ranges for group sales, proposed by keyrouter import csv on "
                     r"\d{4}-\d\d-\d\d\n# from desks.csv", done.out)
    assert "line 1 is taken for names of columns" in done.err


def test_nothing_of_the_table_gets_out_of_a_comment(table, office):
    office.policy(groups=[("other", ["192.0.2.200"], ["k-1"])], include=["conf.d/*.cfg"])
    (office.folder / "conf.d").mkdir()
    table('ip,name\n192.0.2.1,"a\n); unknown = ""secret"";\n# ' + "\u00fc" * 100 + '"\n',
          "-o", "conf.d/sales.cfg", policy="policy.cfg")
    text = (office.folder / "conf.d" / "sales.cfg").read_text()
    assert '# desks.csv:2, a?); unknown = "secret";?' in text
    assert check(office) == ""


def test_standard_input_is_a_file_too(office):
    done = office.run("import", "csv", "-", "--group", "sales", ledger=False, stdin="192.0.2.1\nx\n",
                      status=65)
    assert "stdin:2: error:" in done.err and "# stdin:1" in done.out
    office.run("import", "csv", "-", "--group", "sales", ledger=False, stdin="", status=65)


@pytest.mark.parametrize("content, status, reason", [
    (b"\xff\xfe1\x009\x002\x00", 65, "is UTF-16"),
    (b"", 65, "no row is left to propose"),
    (b"ip\n", 65, "no row is left to propose"),
    (b"\x00\x01\x02\xff", 65, "is not an address"),
    (b"192.0.2.1\n" * 200001, 65, "more than 200000 rows"),
    (b"a" * (16 * 1024 * 1024 + 1), 66, "the file is too large"),
])
def test_a_file_that_is_no_table_is_refused_with_the_reason(table, content, status, reason):
    done = table(content, status=status)
    assert reason in done.err
    assert done.out == ""


@pytest.mark.parametrize("words, status, reason", [
    (("desks.csv",), 64, "--group is missing"),
    (("desks.csv", "--group", "two words"), 64, "is no name of a group"),
    (("--group", "x"), 64, "FILE is missing"),
    (("none.csv", "--group", "x"), 66, "none.csv: No such file"),
    (("desks.csv", "--group", "x", "--policy", "none.cfg"), 66, "none.cfg"),
    (("desks.csv", "--group", "x", "--policy", "bad.cfg"), 65, "cannot be compared with: it has errors"),
    (("desks.csv", "--group", "x", "-o", "desks.csv"), 73, "never overwritten"),
])
def test_a_wrong_command_line_is_refused(office, words, status, reason):
    (office.folder / "desks.csv").write_text("192.0.2.1\n")
    (office.folder / "bad.cfg").write_text("site = 1;")
    assert reason in office.run("import", "csv", *words, status=status, ledger=False).err


# ---- beside a policy

GROUPS = [("support", ["192.0.2.0/24"], ["k-1"], {"except": ["192.0.2.0", "192.0.2.50"]}),
          ("training", ["198.51.100.10-198.51.100.19", "198.51.100.30"], ["k-1"]),
          ("pair", ["203.0.113.4/31"], ["k-1"])]


@pytest.mark.parametrize("address, kind, taken, message", [
    ("192.0.2.0", "not a workstation", False, 'network\'s or broadcast address of "192.0.2.0/24"'),
    ("192.0.2.255", "not a workstation", False, 'network\'s or broadcast address'),
    ("192.0.2.7", "nested", True, 'lies inside "192.0.2.0/24" of group "support"'),
    ("192.0.2.50", None, True, None),  # support excepts it
    ("198.51.100.12", "in a group", False, 'is in group "training" already'),
    ("198.51.100.30", "in a group", False, 'is in group "training" already'),
    ("203.0.113.4", "nested", True, 'lies inside "203.0.113.4/31" of group "pair"'),
    ("203.0.113.9", None, True, None),
])
def test_conflicts_with_the_policy_name_its_line(office, table, address, kind, taken, message):
    office.policy(groups=GROUPS, include=["conf.d/*.cfg"])
    (office.folder / "conf.d").mkdir()
    document = table(f"203.0.113.200\n{address}\n", "-o", "conf.d/sales.cfg", policy="policy.cfg",
                     json=True, status=0 if taken else 65)
    assert document["desks"] == 1 + taken
    if kind:
        [conflict] = document["conflicts"]
        assert (conflict["kind"], conflict["taken"], conflict["line"]) == (kind, taken, 2)
        assert message in conflict["message"]
        [number] = re.findall(r"\(policy\.cfg:(\d+)\)", conflict["message"])
        line = (office.folder / "policy.cfg").read_text().splitlines()[int(number) - 1]
        assert "workstations" in line or "198.51.100" in line
    else:
        assert document["conflicts"] == []
    assert "error" not in check(office)
    assert document["output"] == "conf.d/sales.cfg"


def test_all_of_a_prefix_belongs_to_its_group(office, table):
    """The same range in two groups is an error."""
    office.policy(groups=GROUPS)
    document = table("203.0.113.4\n203.0.113.5\n203.0.113.7\n", policy="policy.cfg", json=True, status=65)
    assert [c["kind"] for c in document["conflicts"]] == ["in a group", "in a group"]
    assert [r["range"] for r in document["ranges"]] == ["203.0.113.7"]


def test_ranges_end_where_another_groups_prefix_does(office, table):
    office.policy(groups=GROUPS)
    desks = [f"192.0.2.{n}" for n in range(250, 255)] + [f"192.0.3.{n}" for n in range(3)]
    assert table.ranges("\n".join(desks), policy="policy.cfg") == \
        ["192.0.2.250-192.0.2.254", "192.0.3.0-192.0.3.2"]


def test_a_new_group_has_the_keys_and_backends_to_choose_from(office, table):
    office.policy(keys=(("k-1", {}), ("k-2", {})), include=["conf.d/*.cfg"],
                  groups=[("support", ["10.20.0.0/25"], ["k-1"],
                           {"except": ["10.20.0.0", "10.20.0.127"],
                            "public": ["10.20.0.0/24 -> 198.51.100.0/24"]})])
    (office.folder / "conf.d").mkdir()
    table("10.20.0.200\n10.20.0.201\n", "-o", "conf.d/sales.cfg", policy="policy.cfg")
    text = (office.folder / "conf.d" / "sales.cfg").read_text()
    assert 'keys = [ "k-1", "k-2" ];' in text and 'backends = [ "secret" ];' in text
    # How the vendor sees the address is known from a group whose `public` has it.
    assert "# As group support has it:" in text
    assert 'public = [ "10.20.0.0/24 -> 198.51.100.0/24" ];' in text
    assert 'egress = "transparent";' in text
    assert check(office) == ""


def paste(office, done):
    """Does what the proposal says. Returns the file."""
    [(name, number)] = re.findall(r'behind the "\[" (?:of its workstations )?in (\S+):(\d+)$', done.out, re.M)
    path = office.folder / name
    lines = path.read_text().splitlines(keepends=True)
    rest = "".join(lines[int(number) - 1:])
    at = rest.index("[") + 1
    path.write_text("".join(lines[:int(number) - 1]) + rest[:at] + "\n" + done.out + rest[at:])
    return path


def test_lines_for_a_group_that_is_there_are_pasted_where_it_says(office, table):
    office.policy(groups=GROUPS)
    done = table("192.0.2.7\n198.51.100.12\n198.51.100.40\n198.51.100.41\n", policy="policy.cfg",
                 group="training")
    assert "desks.csv:2: warning: 198.51.100.12 is in group \"training\" already" in done.err
    path = paste(office, done)
    assert "error" not in check(office)
    document = table("192.0.2.7\n198.51.100.40\n198.51.100.41\n", policy="policy.cfg",
                     group="training", json=True)
    assert [c["kind"] for c in document["conflicts"]] == ["listed"] * 3
    assert document["proposal"] is None
    lines = path.read_text().splitlines()
    assert '"training"' in lines[document["exists"]["line"]]
    assert "workstations = [" in lines[document["paste"]["line"] - 1]


def test_what_the_group_itself_excepts_is_refused(office, table):
    office.policy(groups=GROUPS)
    document = table("192.0.2.50\n203.0.113.8\n", policy="policy.cfg", group="support", json=True,
                     status=65)
    assert [c["kind"] for c in document["conflicts"]] == ["excepted"]
    assert 'group "support" excepts 192.0.2.50 (policy.cfg:' in document["conflicts"][0]["message"]


def test_lines_to_paste_become_no_drop_in(office, table):
    office.policy(groups=GROUPS)
    done = table("203.0.113.8\n", "-o", "sales.cfg", policy="policy.cfg", group="pair", status=64)
    assert re.search(r'the policy has group "pair" already \(policy.cfg:\d+\)', done.err)
    assert not (office.folder / "sales.cfg").exists()
    table("203.0.113.8\n", "-o", "lines.txt", policy="policy.cfg", group="pair")
    assert '"203.0.113.8",' in (office.folder / "lines.txt").read_text()


def test_the_policy_and_the_table_stay_as_they_are(office, table):
    path = office.policy(groups=GROUPS)
    before = path.read_bytes()
    table("203.0.113.8\n", policy="policy.cfg")
    assert path.read_bytes() == before and table.table.read_text() == "203.0.113.8\n"
    assert sorted(p.name for p in office.folder.iterdir()) == ["desks.csv", "policy.cfg"]


def test_whatever_is_proposed_passes_check(office, table):
    """Random policies with prefixes and ranges side by side and inside each other, random desks."""
    dice = random.Random(20260301)
    (office.folder / "conf.d").mkdir()
    n_proposed = 0
    for n in range(40):
        groups, taken = [], []
        for name in ("a", "b", "c"):
            base = ipaddress.ip_address("198.18.0.0") + 32 * dice.randrange(4)
            length = dice.choice([27, 28, 29, 30, 31])
            block = ipaddress.ip_network((base + dice.randrange(32), length), strict=False)
            text = str(block) if dice.random() < .7 else f"{block[0]}-{block[-1]}"
            if not any(block.overlaps(other) for other in taken):
                groups.append((name, [text], ["k-1"]))
                taken.append(block)
        office.policy(groups=groups, include=["conf.d/*.cfg"])
        desks = {ipaddress.ip_address("198.18.0.0") + dice.randrange(128) for _ in range(60)}
        (office.folder / "conf.d" / "new.cfg").unlink(missing_ok=True)
        document = table("\n".join(map(str, desks)), "-o", "conf.d/new.cfg", group="new",
                         policy="policy.cfg", json=True, status=None)
        proposed = itertools.chain.from_iterable(
            range(int(ipaddress.ip_address(r["range"].split("-")[0])),
                  int(ipaddress.ip_address(r["range"].split("-")[-1])) + 1) for r in document["ranges"])
        refused = {ipaddress.ip_address(c["address"]) for c in document["conflicts"] if not c["taken"]}
        assert {ipaddress.ip_address(a) for a in proposed} == desks - refused
        assert "error" not in check(office), f"policy {n}"
        n_proposed += document["desks"]
    assert n_proposed > 500
