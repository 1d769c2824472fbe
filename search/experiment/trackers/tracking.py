"""Feeds trackers while a search runs, from a thread of their own, and from the tables of one that has ended."""

from __future__ import annotations

import shlex
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from queue import SimpleQueue

from search.experiment.manifest import read_manifest
from search.experiment.schema import read_epochs, read_trials
from search.experiment.states import TrialState
from search.experiment.trackers.mlflow import Mlflow
from search.experiment.trackers.names import check_installed
from search.experiment.trackers.tracker import Row, Tracker
from search.experiment.trackers.wandb import WeightsAndBiases, check_account
from search.wording import error_text

PATIENCE_S = 30.0
"""How long the end of a search waits for what is still to be written."""


def check_ready(names: Sequence[str], option: str = "--log") -> None:
    """Raise SearchError for a tracker that cannot be written to from here; `option` is the one that names it."""
    check_installed(names, option)
    if "wandb" in names:
        check_account(option)


def make_tracker(name: str, root: Path, folder: Path | None = None) -> Tracker:
    """The tracker of that name for the experiment at `root`; its files go into `folder`, by default a part of that."""
    manifest = {"name": root.name, **read_manifest(root)}
    if name == "tensorboard":
        from search.experiment.trackers.tensorboard import FOLDER, TensorBoard  # noqa: PLC0415  # takes half a second

        return TensorBoard(folder or root / FOLDER)
    if name == "mlflow":
        return Mlflow(manifest)
    return WeightsAndBiases(manifest, folder or root)


def track(name: str, root: Path, folder: Path | None = None) -> int:
    """Write a search that has ended, from its folder; the number of its trials. Raises SearchError."""
    tracker = make_tracker(name, root, folder)
    rows, epochs = _rows(root)
    trials = [row for row in rows if row["state"] != TrialState.RUNNING]
    ids = {row["trial_id"] for row in trials}
    tracker.take(trials, [row for row in epochs if row["trial_id"] in ids])
    tracker.close(*best_model(root))
    return len(trials)


def _rows(root: Path) -> tuple[list[Row], list[Row]]:
    """The rows of both tables, the epochs of a trial in their order."""
    trials: list[Row] = read_trials(root).table.to_pylist()
    epochs: list[Row] = read_epochs(root).table.to_pylist()
    return trials, sorted(epochs, key=lambda row: (row["trial_id"], row["epoch"]))


def best_model(root: Path) -> tuple[str | None, Path | None]:
    """The best trial of a search that has ended, and its model's file, as the manifest has them."""
    found = read_manifest(root).get("best") or {}
    return found.get("trial_id"), root / found["model"] if found.get("model") else None


class Tracking:
    """Several trackers of a search that runs: nothing waits for them, and what they cannot write costs no trial.

    What the tables have from an earlier run of the driver is passed on first, where a tracker has it not.
    """

    def __init__(self, names: Sequence[str], root: Path) -> None:
        self._names, self._root = names, root
        self._said: SimpleQueue[Callable[[Tracker], None] | None] = SimpleQueue()
        self._news: SimpleQueue[str] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="trackers", daemon=True)
        self.take(*_rows(root))
        self._thread.start()

    def take(self, trials: Sequence[Row], epochs: Sequence[Row]) -> None:
        """Pass on rows that have been stored."""
        rows = (list(trials), list(epochs))
        self._said.put(lambda tracker: tracker.take(*rows))

    def news(self) -> list[str]:
        """Return lines on what could not be written, each once."""
        return [self._news.get() for _ in range(self._news.qsize())]

    def close(self) -> list[str]:
        """Wait until all is written, the best model too, for a while; lines on what was not."""
        best, model = best_model(self._root)
        self._said.put(lambda tracker: tracker.close(best, model))
        self._said.put(None)
        self._thread.join(PATIENCE_S)
        late = f"what was logged is not complete after {PATIENCE_S:.0f} s; {self._again(self._names)}"
        return [*self.news(), *[late] * self._thread.is_alive()]

    def _run(self) -> None:
        made: dict[str, Tracker] = {}
        for name in self._names:
            with self._guarded(name):
                made[name] = make_tracker(name, self._root)
        while (said := self._said.get()) is not None:
            for name in list(made):
                tracker = made.pop(name)
                with self._guarded(name):
                    said(tracker)
                    made[name] = tracker

    @contextmanager
    def _guarded(self, name: str) -> Iterator[None]:
        """Note an error, which ends the tracker: a server that is down must not end the search."""
        try:
            yield
        except Exception as error:  # Of libraries and servers of all kinds.
            self._news.put(f"nothing more is logged to {name} ({error_text(error)[:200]}); {self._again([name])}")

    def _again(self, names: Sequence[str]) -> str:
        words = [f"python -m analysis.export {shlex.quote(str(self._root))} --to {name}" for name in names]
        return f"once the search has ended: {'; '.join(words)}"
