# SPDX-License-Identifier: Apache-2.0
"""The site of the demonstration is the example's, and the vendor learns what the plan says."""
import json
import subprocess

import pytest

import layout
from support import REPOSITORY
from support.site import Site, program_find

SIZES = [(3, 1), (25, 1), (26, 3), (519, 5), (520, 5), (521, 6), (2000, 20)]


@pytest.fixture
def site(tmp_path, build_dir):
    site = Site(tmp_path / "site", build_dir)
    yield site
    site.stop()


def filled(site, n_workstations, n_keys):
    groups = layout.groups_of(n_workstations, n_keys)
    layout.site_fill(site, groups, n_keys)
    return layout.desks_of(groups)


def test_520_workstations_are_the_examples_groups():
    groups = {group.name: group for group in layout.groups_of(520, 5)}
    assert {name: len(group.desks) for name, group in groups.items()} == \
        {"sales": 310, "support": 200, "training": 10}
    assert {name: [int(key[-1]) for key in group.settings["keys"]]
            for name, group in groups.items()} == \
        {"sales": [1, 2, 3, 4], "support": [3, 4, 5], "training": [5]}
    assert len({egress for group in groups.values() for _, egress in group.desks}) == 511
    assert groups["sales"].settings["workstations"] == ["127.20.0.0/24", "127.20.1.0-127.20.1.55"]
    assert groups["sales"].settings["except"] == ["127.20.0.0", "127.20.0.255"]


def uses_of(document):
    return [(key["name"], key["capacity"], key["used"], key["desks"]) for key in document["keys"]]


def test_the_plan_of_520_workstations_is_the_examples(site):
    filled(site, 520, 5)
    keyrouter, policy = program_find(site.build, "keyrouter"), REPOSITORY / "policy"
    example = subprocess.run(
        [keyrouter, "plan", policy / "examples" / "austin.cfg", "--json", "--providers",
         policy / "providers"], capture_output=True, text=True, check=True).stdout
    ours, theirs = json.loads(layout.keyrouter_run(site, "plan", site.policy_path, "--json")), json.loads(example)
    assert uses_of(ours) == uses_of(theirs)
    assert ours["totals"] == theirs["totals"]
    assert ours["totals"]["embedded"] == 509


@pytest.mark.parametrize("size", SIZES, ids=[f"{n} on {k}" for n, k in SIZES])
def test_every_desk_has_an_address_and_its_place_in_the_plan(site, size):
    n_workstations, n_keys = size
    desks = filled(site, n_workstations, n_keys)
    assert len({desk.workstation for desk in desks}) == len(desks) == n_workstations
    plan = layout.plan_read(site)
    routes = [plan.route_of(desk.egress)[0] for desk in desks]
    assert plan.totals["desks"] == n_workstations
    assert plan.totals["egress_addresses"] == len({desk.egress for desk in desks})
    assert routes.count("embedded") == plan.totals["embedded"]
    assert routes.count("backend") == plan.totals["backend"]


def test_the_vendor_lists_what_the_plan_says_and_nothing_else(site):
    filled(site, 130, 2)
    plan = layout.plan_read(site)
    site.prepare(live=False)
    assert layout.lists_enter(site) == {name: len(added) for name, added in plan.add.items()}
    for name, added in plan.add.items():
        assert site.vendor.hosts(name) == {address: True for address in added} != {}


def test_a_policy_with_a_mistake_is_told(site):
    filled(site, 3, 1)
    site.write_policy("site = 1;\n")
    with pytest.raises(RuntimeError, match="keyrouter plan ends with 65: .*error: providers"):
        layout.plan_read(site)
