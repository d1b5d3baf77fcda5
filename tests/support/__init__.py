# SPDX-License-Identifier: Apache-2.0
"""What end-to-end tests need: processes, a stand-in vendor, DNS, raw connections, canaries."""
import pathlib

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
DEADLINE_S = 20  # a wait for an event that takes longer has failed
