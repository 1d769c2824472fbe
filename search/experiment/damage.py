"""Puts damaged files of a table out of the way, under another name, before anything is merged or written over."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

DAMAGED = ".damaged"


def move_damaged(root: Path, name: str) -> list[str]:
    """Rename the files of a table that cannot be read; return their old names, relative to the experiment."""
    files = [root / f"{name}.parquet", *sorted((root / name).glob("part-*.parquet"))]
    damaged = [path for path in files if path.exists() and not _is_whole(path)]
    for path in damaged:
        path.rename(path.with_name(path.name + DAMAGED))
    return [path.relative_to(root).as_posix() for path in damaged]


def _is_whole(path: Path) -> bool:
    try:
        with pq.ParquetFile(path) as file:
            file.read()
    except (pa.ArrowException, OSError, ValueError):
        return False
    return True
