#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Completion in bash, zsh and fish: typed on a terminal, as far as the shells are installed.

usage: test_completion.py ROOT DIVERT_RUN

Exit status 1 if something is not completed, 77 if there is no shell to try.
"""
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import time

ROOT, DIVERT_RUN = pathlib.Path(sys.argv[1]), sys.argv[2]
FOLDER = ROOT / "packaging" / "completion"
DEADLINE = float(os.environ.get("DEADLINE", 20))
ENVIRONMENT = {**os.environ, "PATH": f"{os.path.dirname(DIVERT_RUN)}:{os.environ['PATH']}",
               "TERM": "dumb", "LC_ALL": "C.UTF-8", "ZDOTDIR": "/nonexistent"}

# How a shell is started on a terminal, and what is typed at first.
SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"],
             f"PS1='rea''dy> '; bind 'set bell-style none'; . {FOLDER}/divert-run.bash\n"),
    "zsh": (["zsh", "-f"],
            f"PS1='rea''dy> '; stty columns 200; fpath=({FOLDER} $fpath); autoload -U compinit;"
            " compinit -u -D; setopt no_beep\n"),
}

# What is typed, and the expected line after a tab.
LINES = [
    ("divert-run --bac", "--backend"),
    ("divert-run --backend ipt", "--backend iptables"),
    ("divert-run --backend=ipt", "--backend=iptables"),
    ("divert-run --personality o", "--personality openbsd"),
    ("divert-run -r 'divert 8668 ip4 fro", "'divert 8668 ip4 from"),
    ("divert-run --pf 'pass qui", "'pass quick"),
    ("divert-run -f /etc/hostn", "-f /etc/hostname"),
    ("divert-run -r rule -- chgr", "-- chgrp"),
    ("divert-run --gso -- cat /etc/hostn", "cat /etc/hostname"),
    ("divert-run --ipfw-script /etc/hostn", "--ipfw-script /etc/hostname"),
    ("divert-run --ipfw-script rules wan0 /etc/hostn", "wan0 /etc/hostname"),
    ("divert-run --ipfw-script rules wan0 -- cat /etc/hostn", "cat /etc/hostname"),
]

failures = 0


def report(what, problem):
    global failures
    print(f"{'FAILED' if problem else 'ok'}: {what}{problem and ': ' + problem}")
    failures += bool(problem)


class Terminal:
    """A shell on a terminal."""

    def __init__(self, command):
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execvpe(command[0], command, ENVIRONMENT)
        self.output = ""

    def type(self, text):
        self.output = ""
        os.write(self.fd, text.encode())

    def wait(self, condition):
        """Reads until the output satisfies the condition. False if it never does."""
        end = time.monotonic() + DEADLINE
        while not condition(self.output):
            if time.monotonic() > end or not select.select([self.fd], [], [], end - time.monotonic())[0]:
                return False
            try:
                self.output += os.read(self.fd, 65536).decode(errors="replace")
            except OSError: # the shell ended
                return condition(self.output)
        return True

    def end(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


def complete_on_terminal(shell, line, expected):
    command, prepare = SHELLS[shell]
    terminal = Terminal(command)
    terminal.type(prepare)
    if not terminal.wait(lambda output: "ready> " in output):
        return f"{shell} does not start: {terminal.output!r}"
    terminal.type(line + "\t")
    found = terminal.wait(lambda output: expected in shown(output))
    terminal.end()
    return "" if found else f"expected {expected}, got {terminal.output!r}"


def try_on_terminal(shell):
    for line, expected in LINES:
        report(f"{shell}: {line}", complete_on_terminal(shell, line, expected))


def shown(output):
    """The line as shown on the terminal: what was echoed, and what was drawn over it."""
    drawn, column = [], 0
    for character in re.sub("\x1b\\[[0-9;?]*[a-zA-Z]", "", output):
        if character == "\b":
            column -= 1
        elif character == "\r":
            column = 0
        elif character >= " ":
            drawn[column:column + 1] = character
            column += 1
    return "".join(drawn)


def fish_completions(line):
    return subprocess.run(
        ["fish", "--no-config", "-c", f"source {FOLDER}/divert-run.fish; complete -C$argv[1]", line],
        check=True, capture_output=True, text=True, env=ENVIRONMENT).stdout


def try_fish():
    for line, expected in LINES:
        found = fish_completions(line)
        whole = line[:len(line) - len(line.split(" ")[-1])]
        words = [line_of.split("\t")[0] for line_of in found.splitlines()]
        # For a quoted word fish gives everything after the quote.
        right = any(expected.lstrip("'") in (whole + word).replace("'", "") or
                    word == expected.lstrip("'") for word in words)
        report(f"fish: {line}", "" if right else f"expected {expected}, got {found!r}")


def help_options():
    text = subprocess.run([DIVERT_RUN, "--help"], check=True, capture_output=True, text=True).stdout
    return set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", "\n".join(
        re.split(r" {3,}", line.strip())[0] for line in text.splitlines() if re.match(r" +-", line))))


def try_all_options():
    """bash offers each option of --help; the others read it in the same way."""
    script = f". {FOLDER}/divert-run.bash; _divert_run_options {DIVERT_RUN}"
    offered = set(subprocess.run(["bash", "-c", script], check=True, capture_output=True,
                                 text=True).stdout.split())
    missing = help_options() - offered
    report("bash offers each option of --help", " ".join(sorted(missing)) or ("" if help_options() else "none found"))


def try_words():
    lists = {path.name: re.findall(r"divert_run_(?:ipfw|pf)[= ]'([^']*)'", path.read_text())
             for path in sorted(FOLDER.iterdir())}
    same = len(lists) == 3 and all(len(words) == 2 and words == lists["divert-run.bash"] for words in lists.values())
    report("all shells have the same words of rules", "" if same else str(lists))


def try_words_are_documented():
    """Each word that is offered is in the manual, so divert-run accepts it."""
    manual = set(re.findall(r"[a-z][a-z0-9-]*", (ROOT / "docs/man/divert-run.1").read_text().replace("\\-", "-")))
    words = re.findall(r"divert_run_(?:ipfw|pf)='([^']*)'", (FOLDER / "divert-run.bash").read_text())
    unknown = [word for line in words for word in line.split() if word not in manual]
    report("the manual has all words", " ".join(unknown))


if not shutil.which("bash"):
    print("SKIP: no bash")
    sys.exit(77)
try_words()
try_words_are_documented()
try_all_options()
for name in SHELLS:
    if shutil.which(name):
        try_on_terminal(name)
    else:
        print(f"-- not with {name}: not installed")
if shutil.which("fish"):
    try_fish()
else:
    print("-- not with fish: not installed")
sys.exit(failures > 0)
