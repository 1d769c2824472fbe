"""What a user sees in a terminal: the live view in place, then the summary; and what Ctrl-C leaves."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from search.experiment.manifest import read_manifest

pytestmark = pytest.mark.slow

BRANIN = str(Path(__file__).parents[2] / "spaces" / "branin.py")
COLUMNS = 80


@dataclass
class Terminal:
    """A command in a pseudo terminal, and all that it has written there."""

    process: subprocess.Popen[bytes]
    descriptor: int
    written: str = ""
    _open: bool = field(default=True)

    def read_until(self, pattern: str, seconds: float = 120) -> None:
        """Read on until the pattern, a regular expression, was written behind what had been read before."""
        start, deadline = len(self.written), time.monotonic() + seconds
        while self._open and not re.search(pattern, self.written[start:]) and time.monotonic() < deadline:
            self._read()

    def read_to_end(self) -> int:
        while self._open:
            self._read()
        return self.process.wait(timeout=30)

    def _read(self) -> None:
        if select.select([self.descriptor], [], [], 0.2)[0]:
            try:
                piece = os.read(self.descriptor, 65536)
            except OSError:  # The other end is closed: Linux' way to say so.
                piece = b""
            self._open = bool(piece)
            self.written += piece.decode(errors="replace")

    def frames(self) -> list[list[str]]:
        """The views that were drawn one over the other, as lines without colours."""
        plain = re.sub(r"\x1b\[\??[0-9;]*[mhl]", "", self.written)
        pieces = re.split(r"(?:\x1b\[1A|\x1b\[2K|\r)+", plain.replace("\r\n", "\n"))
        return [piece.strip("\n").split("\n") for piece in pieces if piece.strip()]


@pytest.fixture(scope="module")
def interrupted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Terminal, Path, int]]:
    """A search of slow trials, interrupted by Ctrl-C once two trials have ended: terminal, folder, exit code."""
    folder = tmp_path_factory.mktemp("terminal")
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
    words = [BRANIN, "--max-concurrent", "2", "--set", "sleep_s=0.2", "epochs=9"]
    process = subprocess.Popen(
        [sys.executable, "-m", "search.run", *words],
        cwd=folder,
        env={**os.environ, "TERM": "xterm-256color"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    terminal = Terminal(process, ours)
    terminal.read_until(r"[2-9]/60 trials")
    os.killpg(process.pid, signal.SIGINT)
    code = terminal.read_to_end()
    yield terminal, folder, code
    os.close(ours)


def test_view_says_at_once_that_workers_are_started(interrupted: tuple[Terminal, Path, int]) -> None:
    terminal, _, _ = interrupted
    assert terminal.frames()[0][-1] == "branin: 60 configurations, sampler mfgp; starting workers"


def test_view_has_one_row_for_each_running_trial_and_the_best(interrupted: tuple[Terminal, Path, int]) -> None:
    terminal, _, _ = interrupted
    full = [frame for frame in terminal.frames() if frame[0].startswith("branin ━") and "best value" in frame[2]]
    assert full
    head, states, best, headings, *rows = full[0]
    assert re.search(r" [1-9]/60 trials, \d+ s", head)
    assert states.strip() == "2 running"
    assert re.match(r"best value -?\d+\.\d{4}, trial 0000\d: x1=-?[\d.]+, x2=[\d.]+", best)
    assert headings.split() == ["trial", "epoch", "value", "time", "configuration"]
    assert [bool(re.match(r"0000\d  \d/9 ", row)) for row in rows] == [True, True]


def test_no_line_of_the_view_is_wider_than_the_terminal(interrupted: tuple[Terminal, Path, int]) -> None:
    terminal, _, _ = interrupted
    lines = [line for frame in terminal.frames() if frame[0].startswith("branin ━") for line in frame]
    assert max(map(len, lines)) <= COLUMNS


def test_terminal_gets_no_banner_and_its_cursor_back(interrupted: tuple[Terminal, Path, int]) -> None:
    terminal, _, _ = interrupted
    assert not re.search(r"\bray\b|tune|warning|traceback", terminal.written, re.IGNORECASE)
    assert terminal.written.rfind("\x1b[?25h") > terminal.written.rfind("\x1b[?25l")


def test_interrupt_saves_and_tells_the_command_that_resumes(interrupted: tuple[Terminal, Path, int]) -> None:
    terminal, folder, code = interrupted
    assert code == 130
    assert read_manifest(folder / "results" / "branin")["state"] == "interrupted"
    told = terminal.written.replace("\r\n", "")
    assert f"python -m search.run {BRANIN} --max-concurrent 2 --set sleep_s=0.2 epochs=9 --resume" in told
