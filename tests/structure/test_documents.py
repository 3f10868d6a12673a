#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The documents agree with the sources and each other.

usage: test_documents.py ROOT DIVERT_RUN

Each error and warning in the sources is in docs/troubleshooting.md, and each message there is in the
sources; links lead to files and headings that exist; the README and --help fit on a screen. Prints a line
for each rule, and what breaks it. Exit status 1 if anything does.
"""
import pathlib
import re
import subprocess
import sys

ROOT, DIVERT_RUN = pathlib.Path(sys.argv[1]), sys.argv[2]
PAGE = "docs/troubleshooting.md"
SOURCES = sorted(p for half in ("common", "shim", "tools/divert-run") for p in (ROOT / half).rglob("*.[ch]"))
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])

failures = 0


def report(rule, broken):
    global failures
    print(f"{'ok' if not broken else 'FAILED'}: {rule}")
    for line in sorted(broken):
        print(f"    {line}")
    failures += bool(broken)


# ---- messages ----

CALL = re.compile(r"\b(?:message_error|message_warning|log_line)\(")
STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
CONVERSION = re.compile(r"%[-0-9.]*[a-z]+")


def arguments(text, start):
    """The arguments of the call whose parenthesis was opened before START."""
    found, depth, at = [""], 0, start
    while depth >= 0:
        string = STRING.match(text, at)
        piece = string.group() if string else text[at]
        at += len(piece)
        depth += (piece in "([{") - (piece in ")]}")
        if piece == "," and depth == 0:
            found.append("")
        else:
            found[-1] += piece
    return found


def macros():
    """Macros that stand for a string; one definition of each name."""
    found = {}
    for path in SOURCES:
        found.update((name, value) for name, value in re.findall(r'^#define (\w+) +("[^"\n]*")$', path.read_text(), re.M)
                     if not value.startswith('"/')) # a path that the build can choose
    return found


def alternatives(expression):
    """The strings that an expression can be: for `a ? "b" : c ? "d" "e" : "f"` b, de and f."""
    strings = [[]]
    for piece in re.findall(r'"(?:[^"\\]|\\.)*"|\w+|[?:]', expression):
        if piece in "?:":
            strings.append([])
        else:
            strings[-1].append(piece)
    return strings


def patterns(expression, known):
    """The messages as regular expressions, except those that only pass on the words of others."""
    for pieces in alternatives(expression):
        if not any(piece.startswith('"') for piece in pieces):
            continue # it is a condition before a question mark
        text = "".join((known.get(p, p) if not p.startswith('"') else p)[1:-1] if p in known or p[0] == '"'
                       else "%s" for p in pieces).replace('\\"', '"')
        words = CONVERSION.split(text)
        if re.search(r"[a-z]{2}", "".join(words)):
            yield ".*".join(map(re.escape, words))


def messages_of_sources():
    known, found = macros(), {}
    for path in SOURCES:
        text = path.read_text()
        for call in CALL.finditer(text):
            given = arguments(text, call.end())
            if call.group() == "log_line(":
                if given.pop(0) not in ("LOG_ERROR", "LOG_WARN"):
                    continue
            for pattern in patterns(given[0], known):
                found[pattern] = path.relative_to(ROOT).as_posix()
    return found


def readable(pattern):
    return re.sub(r"\\(.)", r"\1", pattern.replace(".*", "..."))


def check_messages():
    sources = messages_of_sources()
    page = (ROOT / PAGE).read_text()
    documented = re.findall(r"^\| `([^`]+)` \| [^|]+ \| [^|]+ \|$", page[page.index("## Messages of divert-run"):], re.M)
    report("there are messages", [] if len(sources) > 60 else [f"{len(sources)} found"])
    report(f"each error and warning has a line in {PAGE}: message, cause, what to do",
           {f"{path}: {readable(pattern)}" for pattern, path in sources.items()
            if not any(re.fullmatch(pattern, message) for message in documented)})
    report(f"each message in {PAGE} is in the sources",
           {message for message in documented
            if not any(re.fullmatch(pattern, message) for pattern in sources)})


# ---- links ----

def anchors(text):
    """The anchors that Markdown makes for headings."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")
            for heading in re.findall(r"^#+ (.+)$", text, re.M)}


def check_links():
    broken = set()
    for path in PAGES:
        for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text()):
            if re.match(r"\w+:", target):
                continue
            name, _, anchor = target.partition("#")
            file = path.parent / name if name else path
            if not file.exists():
                broken.add(f"{path.name}: {target}: no such file")
            elif anchor and anchor not in anchors(file.read_text()):
                broken.add(f"{path.name}: {target}: no such heading")
    report("links lead somewhere", broken)
    readme = (ROOT / "README.md").read_text()
    report("the README leads to each page",
           {path.name for path in (ROOT / "docs").glob("*.md") if f"docs/{path.name}" not in readme})


# ---- screens ----

def check_screens():
    lines = (ROOT / "README.md").read_text().count("\n")
    report("the README is short", [f"{lines} lines"] if lines > 120 else [])
    text = subprocess.run([DIVERT_RUN, "--help"], check=True, capture_output=True, text=True).stdout
    report("--help fits on a screen of 24 lines and 80 columns",
           [line for line in text.splitlines() if len(line) > 79] +
           ([f"{text.count(chr(10))} lines"] if text.count("\n") > 24 else []))


check_messages()
check_links()
check_screens()
sys.exit(1 if failures else 0)
