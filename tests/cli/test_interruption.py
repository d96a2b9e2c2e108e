"""A signal ends the command wherever it arrives, and one that is ignored stays ignored."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

PROGRAM = """
import os, signal, sys, time
from routelmt_cli.cli import interruption

class Held:
    def __del__(self):
        os.kill(os.getpid(), {number})
        sum(range(100_000))
        raise ValueError("a complaint of what was cut off")

interruption.listen()
try:
    Held()
    time.sleep(20)
except ({exceptions}):
    interruption.ignore()
    os.kill(os.getpid(), {number})
    print("stopped")
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_in_a_destructor_is_not_lost(shell, number):
    program = PROGRAM.format(
        number=int(number), exceptions="KeyboardInterrupt, interruption.Terminated"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env=shell.environment,
        timeout=15,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "stopped\n", "")


def test_what_was_ignored_from_the_start_stays_so(shell):
    program = (
        "import os, signal\nfrom routelmt_cli.cli import interruption\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\ninterruption.listen()\n"
        "os.kill(os.getpid(), signal.SIGINT)\nprint('goes on')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, env=shell.environment
    )
    assert (done.returncode, done.stdout) == (0, "goes on\n")
