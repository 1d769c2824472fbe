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
from typing import TYPE_CHECKING, Protocol

from search.errors import SearchError
from search.experiment.atomic import DiskRefuses, disk_told_apart, write_file, write_folder
from search.experiment.lock import sees
from search.trial.messages import Metrics, SearchContext

if TYPE_CHECKING:
    from search.experiment.remote.store import Store  # It brings Arrow, which a search without a store does not need.

CHECKPOINTS = "checkpoints"
REPORTED = "reported.json"
"""The epochs that led to a checkpoint; written last, so that a checkpoint that holds it is whole."""

Save = Callable[[Path], None]


class TrialStorage(Protocol):
    """Keeps checkpoints and results of trials, by names relative to the experiment."""

    def latest(self, trial_id: str, begun: bool) -> Path | None:
        """The newest whole checkpoint of a trial, as a local folder; None where there is none.

        `begun`: an earlier attempt, on this node or another, may have left one.
        """

    def at(self, trial_id: str, epoch: int) -> Path | None:
        """The checkpoint of a trial after that epoch, likewise."""

    def save(self, trial_id: str, epochs: list[Metrics], save: Save, keep: int | None = None) -> None:
        """Let `save` write what continues the trial after the last of `epochs`, in place of earlier checkpoints.

        Those after the epoch `keep` or a later one stay.
        """

    def put(self, name: str, save: Save) -> None:
        """Let `save` write one file, and keep it where others find it, as far as this node can."""


def trial_storage(context: SearchContext) -> TrialStorage:
    """The experiment folder where this node sees it, else the store, else this node's own disk."""
    root = Path(context.experiment)
    if sees(root, context.token):
        return InFolder(root, context.store)
    if context.store is not None:
        return InStore(context.store, _scratch(context.token))
    return OnThisNode(_scratch(context.token))


def _scratch(token: str) -> Path:
    """A folder on this node's own disk, named after the worker, which is the parent of this training process."""
    return Path(tempfile.gettempdir()) / f"search-{token}-{os.getppid()}"


class InFolder:
    """The experiment folder, on this disk or on one that the nodes share; raises DiskRefuses where it is full."""

    def __init__(self, root: Path, store: Store | None = None) -> None:
        self._root, self._store = root, store

    def latest(self, trial_id: str, begun: bool) -> Path | None:
        """The newest one here, or in the store if a node without the folder has put a newer one there."""
        folder = self._root / CHECKPOINTS / trial_id
        if begun and self._store is not None:
            fetch_checkpoint(self._store, trial_id, folder)
        found = sorted(path for path in folder.glob("[0-9]*") if (path / REPORTED).is_file())
        return found[-1] if found else None

    def at(self, trial_id: str, epoch: int) -> Path | None:
        """The one here, else the one in the store."""
        found = self._root / CHECKPOINTS / trial_id / _name(epoch)
        if (found / REPORTED).is_file():
            return found
        return fetch_checkpoint(self._store, trial_id, found.parent, epoch) if self._store is not None else None

    def save(self, trial_id: str, epochs: list[Metrics], save: Save, keep: int | None = None) -> None:
        """Write it in one step, so that it is there whole or not at all, and only then remove the earlier ones."""
        folder = self._root / CHECKPOINTS / trial_id

        def write(temporary: Path) -> None:
            save(temporary)
            (temporary / REPORTED).write_text(json.dumps(epochs))

        name, kept = _names(epochs, keep)
        with disk_told_apart():
            write_folder(folder / name, write)
        for other in folder.iterdir():
            if other.name != name and not kept <= other.name < name:
                shutil.rmtree(other, ignore_errors=True)

    def put(self, name: str, save: Save) -> None:
        """Write it in one step, as `save` does."""
        with disk_told_apart():
            write_file(self._root / name, save)


class InStore:
    """The object store, for a node without the folder. If it does not answer that costs a checkpoint, not the trial."""

    def __init__(self, store: Store, scratch: Path) -> None:
        self._store, self._scratch = store, scratch

    def latest(self, trial_id: str, begun: bool) -> Path | None:
        """Fetch it to this node; the store is not asked about a trial that was never begun."""
        shutil.rmtree(self._scratch, ignore_errors=True)  # It holds what the trial before had fetched.
        return fetch_checkpoint(self._store, trial_id, self._scratch / trial_id) if begun else None

    def at(self, trial_id: str, epoch: int) -> Path | None:
        """Fetch it to this node."""
        return fetch_checkpoint(self._store, trial_id, self._scratch / trial_id, epoch)

    def save(self, trial_id: str, epochs: list[Metrics], save: Save, keep: int | None = None) -> None:
        """Send its parts first, and last the file that marks it as whole."""
        name, kept = (f"{CHECKPOINTS}/{trial_id}/{one}" for one in _names(epochs, keep))
        with tempfile.TemporaryDirectory() as written:
            try:
                with disk_told_apart():
                    save(Path(written))
            except DiskRefuses as refusal:
                _say_lost("this checkpoint", "this node's disk", refusal)
                return
            try:
                for path in sorted(Path(written).rglob("*")):
                    if path.is_file():
                        self._store.upload(path, f"{name}/{path.relative_to(written).as_posix()}")
                self._store.write(f"{name}/{REPORTED}", json.dumps(epochs).encode())
                for other in self._store.list(f"{CHECKPOINTS}/{trial_id}", recursive=False):
                    if other < kept:
                        self._store.remove(other)
            except (OSError, SearchError) as error:
                _say_lost("this checkpoint", self._store.plain, error)

    def put(self, name: str, save: Save) -> None:
        """Write it here, then send it."""
        with tempfile.TemporaryDirectory() as folder:
            written = Path(folder) / Path(name).name
            try:
                with disk_told_apart():
                    save(written)
            except DiskRefuses as refusal:
                _say_lost(name, "this node's disk", refusal)
                return
            try:
                self._store.upload(written, name)
            except (OSError, SearchError) as error:
                _say_lost(name, self._store.plain, error)


class OnThisNode:
    """This node's own disk: a checkpoint lasts for the next attempt of this worker, and nothing else is kept."""

    def __init__(self, scratch: Path) -> None:
        self._scratch, self._folder = scratch, InFolder(scratch)

    def latest(self, trial_id: str, begun: bool) -> Path | None:
        """The one of an earlier training process of this worker, which died; what other trials left is removed."""
        for other in (self._scratch / CHECKPOINTS).glob("*"):
            if other.name != trial_id:
                shutil.rmtree(other, ignore_errors=True)
        return self._folder.latest(trial_id, begun=False)

    def at(self, trial_id: str, epoch: int) -> Path | None:
        """None: those of other trials are gone."""
        return None

    def save(self, trial_id: str, epochs: list[Metrics], save: Save, keep: int | None = None) -> None:
        """Keep it for the next attempt of this worker."""
        try:
            self._folder.save(trial_id, epochs, save, keep)
        except DiskRefuses as refusal:
            _say_lost("this checkpoint", "this node's disk", refusal)

    def put(self, name: str, save: Save) -> None:
        """Keep nothing: nobody would find it here."""


def fetch_checkpoint(store: Store, trial_id: str, folder: Path, epoch: int | None = None) -> Path | None:
    """Fetch the newest whole checkpoint of a trial, or that after `epoch`, into `folder`, unless it is there already.

    Its place comes back; None where the store has none or does not answer.
    """
    base = f"{CHECKPOINTS}/{trial_id}"
    try:
        there = store.list(base)
        whole = sorted(name.split("/")[2] for name in there if name.endswith(f"/{REPORTED}"))
        whole = [name for name in whole if epoch is None or name == _name(epoch)]
        if not whole:
            return None
        target = folder / whole[-1]
        if not (target / REPORTED).exists():
            parts = [name for name in there if name.startswith(f"{base}/{target.name}/")]
            for name in sorted(parts, key=lambda name: name.endswith(f"/{REPORTED}")):
                store.download(name, folder.parent / name.removeprefix(f"{CHECKPOINTS}/"))
    except (OSError, SearchError) as error:
        print(f"{store.plain} was not asked for a checkpoint ({_reason(error)}); the trial begins without.")
        return None
    return target


def _name(epoch: int) -> str:
    return f"{epoch:06d}"


def _names(epochs: list[Metrics], keep: int | None) -> tuple[str, str]:
    """The name of a checkpoint after the last of `epochs`, and that of the earliest which stays beside it."""
    name = _name(int(epochs[-1]["epoch"]))
    return name, name if keep is None else _name(keep)


def _say_lost(what: str, place: str, error: Exception) -> None:
    print(f"{place} did not take {what} ({_reason(error)}); the trial goes on without.")


def _reason(error: Exception) -> str:
    from search.experiment.remote.store import reason  # noqa: PLC0415  # brings Arrow, see above

    return reason(error)
