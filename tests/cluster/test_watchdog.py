"""What ends a driver whose cluster has gone, and leaves one alone that only stood still."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

from search.cluster import watchdog
from tests.support.crashes import ROOT

LOOP = """
import sys
from search.cluster import watchdog

watchdog.STUCK_S, watchdog.LOOK_EVERY_S = float(sys.argv[1]), 0.1
with watchdog.Watchdog(lambda: print("saved", flush=True), lambda: print("told", flush=True)) as dog:
    for line in sys.stdin:
        dog.turn()
        print("turned", flush=True)
"""
"""A loop that turns whenever it is sent a line."""


def started(stuck_s: float) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", LOOP, str(stuck_s)]
    return subprocess.Popen(words, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def turn(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    assert process.stdout.readline() == "turned\n"


def test_a_loop_that_turns_no_more_is_ended_after_what_it_has_is_stored_and_told() -> None:
    with started(stuck_s=0.3) as process:
        assert process.stdout is not None
        assert process.stdout.read() == "saved\ntold\n"
    assert process.returncode == watchdog.LOST


def test_a_driver_that_stood_still_for_longer_goes_on() -> None:
    """Ctrl-Z and `fg`; a container that is frozen and thawed."""
    with started(stuck_s=3.0) as process:
        turn(process)
        process.send_signal(signal.SIGSTOP)
        time.sleep(3.3)
        process.send_signal(signal.SIGCONT)
        time.sleep(0.5)  # The thread has looked again and again by now.
        turn(process)
        process.kill()
