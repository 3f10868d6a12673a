# SPDX-License-Identifier: BSD-2-Clause
"""Runs a command as a shell would, on a terminal of its own, and prints its fate.

    terminal_job.py SECONDS foreground|background|leader STEP... -- COMMAND...

A leader is the first process of the terminal, and has no shell; the others are jobs of a shell, which
is this program. Each step waits for at most so many SECONDS: saw:TEXT, for what the job prints;
type:KEYS; stopped; fg; end.
"""
import fcntl
import os
import select
import signal
import sys
import termios
import time

SECONDS, MODE = float(sys.argv[1]), sys.argv[2]
STEPS, COMMAND = sys.argv[3:sys.argv.index("--")], sys.argv[sys.argv.index("--") + 1:]
keyboard, terminal = os.openpty()
printed = b""


def take_terminal():
    os.setsid()
    fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)


def foreground(group):
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
    os.tcsetpgrp(terminal, group)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTTOU})


def start():
    pid = os.fork()
    if pid:
        return pid
    if MODE == "leader":
        take_terminal()
    else:
        os.setpgid(0, 0)
    if MODE == "foreground":
        foreground(os.getpid())
    for number in range(3):
        os.dup2(terminal, number)
    os.closerange(3, 100)
    os.execvp(COMMAND[0], COMMAND)


def wait_for(options):
    """The fate of the job."""
    global printed
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        if select.select([keyboard], [], [], 0.02)[0]:
            printed += os.read(keyboard, 1000)
        pid, status = os.waitpid(job, options | os.WNOHANG)
        if pid and os.WIFSTOPPED(status):
            return "stopped by " + signal.Signals(os.WSTOPSIG(status)).name
        if pid:
            return "exit %d" % os.waitstatus_to_exitcode(status)
    os.killpg(job, signal.SIGKILL)
    return "still running"


def saw(text):
    global printed
    end = time.monotonic() + SECONDS
    while text not in printed and time.monotonic() < end:
        if select.select([keyboard], [], [], 0.02)[0]:
            printed += os.read(keyboard, 1000)
    return "saw" if text in printed else "saw %r instead" % printed


if MODE != "leader":
    take_terminal()
job = start()
for step in STEPS:
    what, _, text = step.partition(":")
    if what == "saw":
        print(saw(text.encode()))
    elif what == "type":
        os.write(keyboard, text.encode())
    elif what == "stopped":
        print(wait_for(os.WUNTRACED))
    elif what == "fg":
        foreground(job)
        os.killpg(job, signal.SIGCONT)
    elif what == "end":
        print(wait_for(0))
