"""An experiment's folder: created once, opened by one driver at a time, read by anybody at any time."""

from __future__ import annotations

import contextlib
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TextIO

import pyarrow as pa
import pyarrow.compute as pc

from search.errors import SearchError, StorageLost
from search.experiment.atomic import remove_leftovers, write_text
from search.experiment.damage import DAMAGED, move_damaged
from search.experiment.existing import JOURNAL, is_experiment
from search.experiment.lock import LOCK, take_lock
from search.experiment.manifest import MANIFEST, read_manifest, write_manifest
from search.experiment.parts import PartWriter, Row
from search.experiment.remote.copy import StoredCopy
from search.experiment.remote.resumable import check_free, fetch_tables, set_aside
from search.experiment.remote.store import Store
from search.experiment.schema import (
    EPOCH_KEY,
    EPOCHS,
    TRIAL_KEY,
    TRIALS,
    epoch_schema,
    read_epochs,
    read_trials,
    trial_schema,
    with_meanings,
)
from search.experiment.trackers import Tracking
from search.space import Space


class Experiment:
    """The folder of one search, held by a lock until `close`, and with a store also the copy that is kept there.

    Paths: `journal`, `checkpoints`, `models`, `predictions`, `classes`, `logs`. `damaged` names the files of tables
    that could not be read when it was opened; they are kept under another name.
    Rows go through `append`, durably in the folder when it returns, and soon behind that in the store.
    """

    def __init__(self, root: Path, space: Space, lock: TextIO, copy: StoredCopy | None = None) -> None:
        self.root = root
        self.journal = root / JOURNAL
        self.checkpoints = root / "checkpoints"
        self.models = root / "models"
        self.predictions = root / "predictions"
        self.classes = root / "classes"
        self.logs = root / "logs"
        self.copy = copy
        self.tracking: Tracking | None = None
        """What else is told of every row that has been stored."""
        self.token = uuid.uuid4().hex
        """The text of the lock's file while this driver holds it; a node that reads it there sees this folder."""
        self._lock = lock
        lock.truncate(0)
        lock.write(self.token)
        lock.flush()
        remove_leftovers(root)
        self.damaged = [name for table in (TRIALS, EPOCHS) for name in move_damaged(root, table)]
        meanings = {name: partial(with_meanings, table=name) for name in (TRIALS, EPOCHS)}
        self._trials = PartWriter(
            root, TRIALS, TRIAL_KEY, trial_schema(space), self._removed, describe=meanings[TRIALS]
        )
        self._epochs = PartWriter(root, EPOCHS, EPOCH_KEY, epoch_schema(), self._removed, describe=meanings[EPOCHS])

    @classmethod
    def create(
        cls, root: Path, space: Space, text: str, manifest: Mapping[str, Any], store: Store | None = None
    ) -> Experiment:
        """Open a new folder; `text` is the space file's. Raises SearchError where an experiment of that name stands."""
        check_free(root)
        with _held(root, store) as (lock, copy):
            check_free(root, store)  # Another driver may have made one, and ended, before the lock was had.
            write_text(root / "space.py", text)
            write_manifest(root, manifest)  # Last: a folder without a manifest counts as empty.
            experiment = cls(root, space, lock, copy)
            try:
                return experiment._begun()
            except SearchError:
                experiment.discard()
                raise

    @classmethod
    def reopen(
        cls, root: Path, space: Space, manifest: Mapping[str, Any], store: Store | None = None, fetch: bool = False
    ) -> Experiment:
        """Open a folder to go on in it, and write its new `manifest`; `fetch` makes the folder anew from the store."""
        if fetch:
            take_lock(root).close()  # This raises where another driver writes to it.
            set_aside(root)
        with _held(root, store) as (lock, copy):
            if fetch and store is not None:
                fetch_tables(store, root)
            write_manifest(root, manifest)
            experiment = cls(root, space, lock, copy)
            if fetch:
                experiment._drop_epochs_without_a_trial()
            return experiment._begun()

    def _drop_epochs_without_a_trial(self) -> None:
        """Drop epochs that the store took before it could take the row of their trial, whose id another trial gets."""
        epochs, trials = read_epochs(self.root).table, read_trials(self.root).table
        if len(epochs):
            known = trials["trial_id"] if len(trials) else pa.array([], pa.string())
            kept = epochs.filter(pc.is_in(epochs["trial_id"], pc.unique(known)))
            if len(kept) < len(epochs):
                self._epochs.replace(kept)

    def _begun(self) -> Experiment:
        if self.copy is not None:
            self.copy.begin()
        return self

    def _removed(self, paths: Sequence[Path]) -> None:
        if self.copy is not None:
            self.copy.removed(paths)

    def append(self, trials: Sequence[Row] = (), epochs: Sequence[Row] = ()) -> None:
        """Store rows, epochs first, so that a trial's row never stands without its epochs; raises StorageLost."""
        if not is_experiment(self.root):
            raise self.lost(None)
        if self.copy is not None and self.copy.taken_by is not None:
            raise StorageLost(
                f"another search writes to {self.copy.store.plain} now ({self.copy.taken_by}), and this one ends; "
                f"what it has stored is in {self.root}."
            )
        self._epochs.append(epochs)
        self._trials.append(trials)
        if self.tracking is not None:
            self.tracking.take(trials, epochs)

    def remarks(self) -> list[str]:
        """Return lines that tell the user what is wrong with the folder before the search goes on."""
        return [
            f"{self.root}/{name} cannot be read and is kept as {name}{DAMAGED}; trials whose row is gone are run again"
            for name in self.damaged
        ]

    def lost(self, error: OSError | None) -> StorageLost:
        """Return the error that tells the user why results can no longer be written."""
        if not is_experiment(self.root):
            ways = "Put it back from a copy and go on with --resume, or search again."
            if self.copy is not None:
                ways = f"Go on with what {self.copy.store.plain} has by --resume."
            return StorageLost(f"{self.root} was removed while the search wrote to it, with all that was in it. {ways}")
        reason = error.strerror or error if error is not None else "unknown reason"
        return StorageLost(
            f"{self.root} cannot be written ({reason}); trials that ended before are stored. "
            "Mend that and go on with --resume."
        )

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Raise StorageLost where the block fails to write to the folder."""
        try:
            yield
        except OSError as error:
            raise self.lost(error) from None

    def compact(self) -> None:
        """Make one file of each table, and remove folders that are empty now; raises StorageLost."""
        with self.writing():
            self._epochs.compact()
            self._trials.compact()
            for folder in (self.root / TRIALS, self.root / EPOCHS, self.checkpoints):
                if folder.is_dir() and not any(folder.iterdir()):
                    folder.rmdir()

    def forget_checkpoint(self, trial_id: str) -> None:
        """Remove the checkpoints of a trial that has ended."""
        shutil.rmtree(self.checkpoints / trial_id, ignore_errors=True)
        if self.copy is not None:
            self.copy.forget_checkpoint(trial_id)

    def remove(self, path: Path) -> None:
        """Remove a file from the folder, and from the store, where another node may have put it."""
        path.unlink(missing_ok=True)
        self._removed([path])

    def fetch(self, path: Path) -> bool:
        """Return whether a file is in the folder, after it was fetched from the store if need be; raises OSError."""
        if not path.exists() and self.copy is not None:
            self.copy.fetch(path)
        return path.exists()

    def update_manifest(self, changes: Mapping[str, Any]) -> None:
        """Change some entries of the manifest in one step; raises StorageLost."""
        with self.writing():
            write_manifest(self.root, {**read_manifest(self.root), **changes})

    def discard(self) -> None:
        """Remove an experiment in which nothing was done, with its folder where that holds nothing else."""
        if self.copy is not None:
            self.copy.withdraw()
        for name in (MANIFEST, "space.py", self.journal.name, LOCK):
            (self.root / name).unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # The folder may hold files of the user.
            self.root.rmdir()

    def close(self) -> None:
        """Let another driver open the folder."""
        if self.copy is not None:
            self.copy.close()
        self._lock.close()


@contextlib.contextmanager
def _held(root: Path, store: Store | None) -> Iterator[tuple[TextIO, StoredCopy | None]]:
    """Claim folder and store for this driver, and give them back where the block fails."""
    lock = take_lock(root)
    copy = None
    try:
        copy = StoredCopy(root, store) if store is not None else None
        yield lock, copy
    except BaseException as error:
        if copy is not None:
            copy.close()
        lock.close()
        if isinstance(error, OSError):
            reason = error.strerror or error
            raise SearchError(
                f"{root} cannot be written ({reason}); mend that, or give another folder by --results."
            ) from None
        raise
