"""Where a trial's files go: the experiment folder where this node sees it, else the store, else no further.

Metrics need none of that: they travel to the driver by themselves.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from search.errors import SearchError
from search.experiment.atomic import write_file, write_folder
from search.experiment.lock import sees
from search.experiment.remote.store import Store, reason
from search.trial.messages import Metrics, RunContext

CHECKPOINTS = "checkpoints"
REPORTED = "reported.json"
"""The epochs that led to a checkpoint; written last, so that a checkpoint that holds it is whole."""

Save = Callable[[Path], None]


class Keeping(Protocol):
    """Keeps checkpoints and results of trials, by names relative to the experiment."""

    def latest(self, trial_id: str, begun: bool) -> Path | None:
        """The newest whole checkpoint of a trial, as a local folder; `begun`: another node may have left one."""

    def save(self, trial_id: str, epochs: list[Metrics], save: Save) -> None:
        """Keep the checkpoint behind the last of `epochs` in place of the earlier ones."""

    def put(self, name: str, save: Save) -> bool:
        """Keep one file; whether it is where others find it."""


def keeping(context: RunContext) -> Keeping:
    """The best that this node can do."""
    root = Path(context.experiment)
    if sees(root, context.token):
        return InFolder(root, context.store)
    if context.store is not None:
        return InStore(context.store, _scratch(context.token))
    return OnThisNode(_scratch(context.token))


def _scratch(token: str) -> Path:
    """A folder of this worker, the parent of the training process, on this node's own disk."""
    return Path(tempfile.gettempdir()) / f"search-{token}-{os.getppid()}"


class InFolder:
    """The experiment folder, on this disk or on one that the nodes share."""

    def __init__(self, root: Path, store: Store | None = None) -> None:
        self._root, self._store = root, store

    def latest(self, trial_id: str, begun: bool) -> Path | None:
        """Also one that a node without the folder put into the store, where that is newer."""
        folder = self._root / CHECKPOINTS / trial_id
        if begun and self._store is not None:
            fetch_checkpoint(self._store, trial_id, folder)
        found = sorted(path for path in folder.glob("[0-9]*") if (path / REPORTED).is_file())
        return found[-1] if found else None

    def save(self, trial_id: str, epochs: list[Metrics], save: Save) -> None:
        """In one step, and only then without the earlier ones."""
        folder = self._root / CHECKPOINTS / trial_id

        def write(temporary: Path) -> None:
            save(temporary)
            (temporary / REPORTED).write_text(json.dumps(epochs))

        write_folder(folder / _name(epochs), write)
        for other in folder.iterdir():
            if other.name != _name(epochs):
                shutil.rmtree(other, ignore_errors=True)

    def put(self, name: str, save: Save) -> bool:
        """In one step, as `save`."""
        write_file(self._root / name, save)
        return True


class InStore:
    """The object store, from a node without the folder. One that does not answer costs a checkpoint, not the trial."""

    def __init__(self, store: Store, scratch: Path) -> None:
        self._store, self._scratch = store, scratch

    def latest(self, trial_id: str, begun: bool) -> Path | None:
        """Fetched to this node; a trial that was never begun has none, and the store is not asked."""
        shutil.rmtree(self._scratch, ignore_errors=True)  # Of the trial before.
        return fetch_checkpoint(self._store, trial_id, self._scratch / trial_id) if begun else None

    def save(self, trial_id: str, epochs: list[Metrics], save: Save) -> None:
        """Its parts first, and what marks it as whole last."""
        name = f"{CHECKPOINTS}/{trial_id}/{_name(epochs)}"
        with tempfile.TemporaryDirectory() as written:
            save(Path(written))
            try:
                for path in sorted(Path(written).rglob("*")):
                    if path.is_file():
                        self._store.upload(path, f"{name}/{path.relative_to(written).as_posix()}")
                self._store.write(f"{name}/{REPORTED}", json.dumps(epochs).encode())
                for other in self._store.list(f"{CHECKPOINTS}/{trial_id}", recursive=False):
                    if other < name:
                        self._store.remove(other)
            except (OSError, SearchError) as error:
                _say_lost("this checkpoint", self._store, error)

    def put(self, name: str, save: Save) -> bool:
        """Written here, then sent."""
        with tempfile.TemporaryDirectory() as folder:
            written = Path(folder) / Path(name).name
            save(written)
            try:
                self._store.upload(written, name)
            except (OSError, SearchError) as error:
                _say_lost(name, self._store, error)
                return False
        return True


class OnThisNode:
    """Neither: a checkpoint lasts for the next attempt of this worker, and nothing else is kept."""

    def __init__(self, scratch: Path) -> None:
        self._scratch, self._folder = scratch, InFolder(scratch)

    def latest(self, trial_id: str, begun: bool) -> Path | None:
        """Of a training process of this worker that died; what other trials left is removed."""
        for other in (self._scratch / CHECKPOINTS).glob("*"):
            if other.name != trial_id:
                shutil.rmtree(other, ignore_errors=True)
        return self._folder.latest(trial_id, begun=False)

    def save(self, trial_id: str, epochs: list[Metrics], save: Save) -> None:
        """For the next attempt of this worker."""
        self._folder.save(trial_id, epochs, save)

    def put(self, name: str, save: Save) -> bool:
        """Nowhere."""
        return False


def fetch_checkpoint(store: Store, trial_id: str, folder: Path) -> Path | None:
    """Fetch the newest whole checkpoint of a trial into `folder`, if there is none as new; None where there is none."""
    base = f"{CHECKPOINTS}/{trial_id}"
    try:
        there = store.list(base)
        whole = sorted(name.split("/")[2] for name in there if name.endswith(f"/{REPORTED}"))
        if not whole:
            return None
        target = folder / whole[-1]
        if not (target / REPORTED).exists():
            parts = [name for name in there if name.startswith(f"{base}/{target.name}/")]
            for name in sorted(parts, key=lambda name: name.endswith(f"/{REPORTED}")):
                store.download(name, folder.parent / name.removeprefix(f"{CHECKPOINTS}/"))
    except (OSError, SearchError) as error:
        print(f"{store.plain} was not asked for a checkpoint ({reason(error)}); the trial begins without.")
        return None
    return target


def _name(epochs: list[Metrics]) -> str:
    return f"{len(epochs):06d}"


def _say_lost(what: str, store: Store, error: Exception) -> None:
    print(f"{store.plain} did not take {what} ({reason(error)}); the trial goes on without.")
