#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The version number of CMakeLists.txt is that of the program, the changelogs and the packages.

usage: test_version.py ROOT DIVERT_RUN

Prints a line for each place. Exit status 1 if one has another number.
"""
import pathlib
import re
import subprocess
import sys

ROOT, DIVERT_RUN = pathlib.Path(sys.argv[1]), sys.argv[2]

# A file, and a pattern for the number in it.
PLACES = {
    "CHANGELOG.md": r"^## (\S+)",
    "debian/changelog": r"^divertshim \(([^)]+)\)",
    "packaging/divertshim.spec": r"^Version: +(\S+)",
    "packaging/APKBUILD": r"^pkgver=(\S+)",
}

failures = 0


def report(place, found, expected):
    global failures
    right = found == expected
    print(f"{'ok' if right else 'FAILED'}: {place} has {found}" + ("" if right else f", not {expected}"))
    failures += not right


def first(path, pattern):
    """The first match of the pattern in a file, or None."""
    match = re.search(pattern, (ROOT / path).read_text(), re.M)
    return match.group(1) if match else None


VERSION = first("CMakeLists.txt", r"^project\(divertshim VERSION (\S+)")
for path, pattern in PLACES.items():
    report(path, first(path, pattern), VERSION)
output = subprocess.run([DIVERT_RUN, "--version"], check=True, capture_output=True, text=True).stdout
report("divert-run --version", output.strip().removeprefix("divert-run "), VERSION)
sys.exit(failures > 0)
