"""A search that cannot end before the test lets it: a condition where a sleep would be a race."""

from __future__ import annotations

from pathlib import Path

FREE = 6
"""Trials that end by themselves; all others wait in their last epoch for the gate to be opened."""
EPOCHS = 4

_SPACE = """
import os, pathlib, time
from search.space import Int, Space

here = pathlib.Path({folder!r})

def train(config, trial):
    (here / "seen" / str(os.getpid())).touch()
    for epoch in range(1, {epochs} + 1):
        while config["n"] >= {free} and epoch == {epochs} and not (here / "open").exists():
            time.sleep(0.02)
        time.sleep(0.02)
        yield {{"epoch": epoch, "value": 1.0 / epoch}}

if {forks}:
    from tests.support.training_process import warm_up
    from trainables.trial import Declaration

    os.environ["SET_BY_SPACE"] = "1"
    train.declaration = Declaration(warm_up=warm_up)
space = Space(train, {{"n": Int(0, {trials} - 1)}}, metric="value", mode="min", sampler="grid", stopping="none")
"""


class Gate:
    """The space file `gated.py` in a folder, its gate, and the training processes that have had a trial.

    `forks`: whether they are forked, from a process that has imported what the trainable declares.
    """

    def __init__(self, folder: Path, trials: int, *, forks: bool = False) -> None:
        (folder / "seen").mkdir()
        self._folder = folder
        self.space = str(folder / "gated.py")
        text = _SPACE.format(folder=str(folder), epochs=EPOCHS, free=FREE, trials=trials, forks=forks)
        Path(self.space).write_text(text, encoding="utf-8")

    def workers(self) -> set[int]:
        """Process ids of the training processes that were handed a trial."""
        return {int(path.name) for path in (self._folder / "seen").iterdir()}

    def open(self) -> None:
        """Let all trials end."""
        (self._folder / "open").touch()
