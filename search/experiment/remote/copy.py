"""Keeps the copy of an experiment folder in a store: claims it, sends files in the background, waits at the end."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path

from search.errors import StorageLost
from search.experiment.manifest import MANIFEST
from search.experiment.remote.claim import Claim
from search.experiment.remote.mirror import Mirror, Unsent
from search.experiment.remote.store import Store, writing
from search.wording import size_text

PATIENCE_S = 20.0
"""How long a store that does not answer is waited for at the end of a search."""
_FIRST = ("space.py", MANIFEST)


class StoredCopy:
    """Claims a store for this driver; raises SearchError where another has it, or where it cannot be written."""

    def __init__(self, root: Path, store: Store) -> None:
        self.root, self.store = root, store
        self._claim = Claim.take(store)
        self._mirror = Mirror(root, store)

    def begin(self) -> None:
        """Send space and manifest at once, so that other drivers see who goes on, and begin to send all else."""
        with writing(self.store):
            there = self.store.list()
            for name in _FIRST:
                self.store.upload(self.root / name, name)
        self._mirror.start(there)

    @property
    def taken_by(self) -> str | None:
        """The other driver that writes to the store now; None while it is ours."""
        return self._claim.lost_to

    def removed(self, paths: Iterable[Path]) -> None:
        """Remove files from the store that were removed from the folder."""
        self._mirror.remove(path.relative_to(self.root).as_posix() for path in paths)

    def forget_checkpoint(self, trial_id: str) -> None:
        """Remove the checkpoints of a trial that has ended, whichever node put them there."""
        self._mirror.forget_checkpoint(trial_id)

    def fetch(self, path: Path) -> None:
        """Fetch a file that another node put into the store, if there is one; raises OSError."""
        with contextlib.suppress(FileNotFoundError):
            self.store.download(path.relative_to(self.root).as_posix(), path)

    def news(self) -> list[str]:
        """Return what the user is to be told, without what earlier calls returned."""
        return self._mirror.news()

    def settle(self, patience_s: float = PATIENCE_S) -> StorageLost | None:
        """Wait until everything is in the store; return what to tell the user where that fails or is interrupted."""
        try:
            left = self._mirror.settle(patience_s)
        except KeyboardInterrupt:
            left = self._mirror.waiting()
        return _lost(left, self.root, self.store) if left is not None and left.files else None

    def withdraw(self) -> None:
        """Remove what `begin` sent, of a search in which nothing was done."""
        self._mirror.stop()
        with contextlib.suppress(OSError):
            for name in reversed(_FIRST):
                self.store.remove(name)

    def close(self) -> None:
        """Stop sending, and let another driver write to the store."""
        self._mirror.stop()
        self._claim.release()


def _lost(left: Unsent, root: Path, store: Store) -> StorageLost:
    return StorageLost(
        f"{left.files} files ({size_text(left.bytes)}) are only in {root}: {store.plain} did not take them "
        f"({left.reason or 'not yet'}). The same command with --resume sends them."
    )
