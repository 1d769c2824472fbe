"""How many bytes an experiment takes, and how many of them are models and checkpoints."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from search.experiment.remote.store import ResultsPath, Store
from search.wording import size_text

_LARGE = ("models", "checkpoints")


@dataclass(frozen=True)
class DiskUse:
    """How many bytes an experiment takes."""

    total: int
    models: int
    """How many of them are models and checkpoints."""

    def __str__(self) -> str:
        models = f", of which {size_text(self.models)} models and checkpoints" if self.models else ""
        return size_text(self.total) + models


def disk_use(experiment: ResultsPath) -> DiskUse:
    """Return what an experiment takes on the disk or in a store; a file with two names counts once. Raises OSError."""
    if isinstance(experiment, Store):
        return _sum((name, info.size or 0) for name, info in experiment.list().items())
    return _sum(_files(experiment))


def _files(root: Path) -> Iterable[tuple[str, int]]:
    seen = set()
    for folder, _, names in os.walk(root):
        for name in names:
            path = Path(folder, name)
            try:
                found = path.stat()
            except FileNotFoundError:  # A search that runs has removed it meanwhile.
                continue
            if (found.st_dev, found.st_ino) not in seen:
                seen.add((found.st_dev, found.st_ino))
                yield path.relative_to(root).as_posix(), found.st_size


def _sum(files: Iterable[tuple[str, int]]) -> DiskUse:
    total = models = 0
    for name, size in files:
        total += size
        models += size if name.startswith(_LARGE) else 0
    return DiskUse(total, models)
