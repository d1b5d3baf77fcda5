# SPDX-License-Identifier: Apache-2.0
"""tree - the source files of this tree, and how a lint counts and tells"""
import os
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
_NOT_OURS = {".git", "node_modules", "__pycache__", ".pytest_cache", "corpus"}


def files():
    """Every file of the source tree in order: no build folders, no version control, no fuzz corpus."""
    for folder, folders, names in os.walk(ROOT):
        folders[:] = sorted(f for f in folders if f not in _NOT_OURS and not f.startswith("build"))
        for name in sorted(names):
            path = pathlib.Path(folder) / name
            if path.is_file() and not path.is_symlink():
                yield path


def text_of(path):
    """The text of a file, or None where it is none."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None


class Tally:
    """A check that holds for a file counts once; each place where one does not hold counts too."""

    def __init__(self):
        self.n_passed = 0
        self.n_failed = 0

    def passed(self):
        self.n_passed += 1

    def failed(self, where, why):
        self.n_failed += 1
        print(f"{where}: {why}")

    def check(self, where, findings):
        """findings: [(line, why)]"""
        if not findings:
            self.passed()
        for line, why in findings:
            self.failed(f"{where}:{line}", why)

    def end(self):
        print(f"{self.n_passed} passed, {self.n_failed} failed")
        sys.exit(1 if self.n_failed else 0)


def name_of(path):
    return path.relative_to(ROOT).as_posix()
