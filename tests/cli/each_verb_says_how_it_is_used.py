# SPDX-License-Identifier: Apache-2.0
"""--help of each verb."""
import re

import pytest


def options_of(office, verb):
    return re.findall(r"--([a-z-]+)", office.run(*verb.split(), "--help", ledger=False).out)


@pytest.mark.parametrize("verb, options", [
    ("allowlist", {"format", "only", "json", "ledger", "socket"}),
    ("allowlist confirm", {"added", "removed", "why", "json", "ledger", "socket"}),
    ("allowlist import", {"provider", "providers", "empty", "why", "json", "ledger", "socket"}),
    ("suspend", {"all", "why", "json", "ledger", "socket"}),
    ("resume", {"all", "why", "json", "ledger", "socket"}),
    ("history", {"number", "before", "json", "ledger", "socket"}),
    ("diff", {"json", "ledger", "socket"}),
    ("show", {"output", "json", "ledger", "socket"}),
    ("ledger backup", {"force", "json", "ledger", "socket"}),
    ("ledger restore", {"why", "json", "ledger", "socket"}),
    ("ledger verify", {"json", "ledger", "socket"}),
])
def test_help_tells_usage_and_every_option(office, verb, options):
    out = office.run(*verb.split(), "--help", ledger=False).out
    assert out.startswith(f"usage: keyrouter {verb}")
    assert set(options_of(office, verb)) == options
    assert office.run("help", *verb.split(), ledger=False).out == out
    assert not office.ledger.exists()
