# SPDX-License-Identifier: BSD-2-Clause
"""Prints the name of each signal that it gets on a line; ends with RTMIN+1."""
import os
import signal

signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
os.write(1, b"ready\n")
number = 0
while number != signal.SIGRTMIN + 1:
    number = signal.sigwaitinfo(signal.valid_signals()).si_signo
    if number != signal.SIGCHLD:
        name = signal.Signals(number).name if number < signal.SIGRTMIN else "SIG%d" % number
        os.write(1, name.encode() + b"\n")
