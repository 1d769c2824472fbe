"""Experiment folders as they come from elsewhere: one thing of the manifest or of a table is not as it should be."""

from __future__ import annotations

import copy
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

Mutation = tuple[str, Callable[[Path], None]]
"""What is changed, in words, and what changes it in a folder."""

GONE = object()
VALUES: tuple[Any, ...] = (GONE, None, 3, -1.5, True, "x", "", [], [None], {}, {"a": [1]}, float("nan"), "ü" * 300)
COLUMNS: dict[str, Callable[[pa.ChunkedArray], pa.Array]] = {
    "text": lambda c: pa.array([f"text {n}" for n in range(len(c))]),
    "null": lambda c: pa.nulls(len(c)),
    "negative": lambda c: pa.array([-3] * len(c)),
    "huge": lambda c: pa.array([2**62] * len(c)),
    "infinite": lambda c: pa.array([float("inf")] * len(c)),
    "not a number": lambda c: pa.array([float("nan")] * len(c)),
    "the same": lambda c: pa.array([c[0].as_py()] * len(c), c.type),
    "lists": lambda c: pa.array([[1, 2]] * len(c)),
    "truth values": lambda c: pa.array([True] * len(c)),
    "bytes": lambda c: pa.array([b"\xff\x00"] * len(c)),
    "strange names": lambda c: pa.array([f"../<b>{n}\n\u202e%s{{}}" for n in range(len(c))]),
    "halves": lambda c: pa.array([n / 2 for n in range(len(c))]),
    "half null": lambda c: pa.array([v if n % 2 else None for n, v in enumerate(c.to_pylist())], c.type),
}


def manifest_mutations(root: Path) -> Iterator[Mutation]:
    """Every entry of the manifest, each with a value of another type and each left out."""
    stored = json.loads((root / "manifest.json").read_text())
    for path in _paths(stored):
        for value in VALUES:
            yield f"manifest {'.'.join(map(str, path))} = {str(value)[:20]}", _manifest_change(path, value)
    yield "manifest is a list", lambda folder: _write_text(folder / "manifest.json", "[]")
    yield "manifest is empty", lambda folder: _write_text(folder / "manifest.json", "{}")
    yield "manifest is nested", lambda folder: _write_text(folder / "manifest.json", "[" * 100_000)


def table_mutations(root: Path, name: str) -> Iterator[Mutation]:
    """Every column of a stored table, each with values of another kind and each left out; and files that are none."""
    for column in pq.read_schema(root / name).names:
        yield f"{name} without {column}", _column_change(name, column, None)
        for kind, change in COLUMNS.items():
            yield f"{name} {column} = {kind}", _column_change(name, column, change)
    yield f"{name} is empty", lambda folder: pq.write_table(pq.read_table(folder / name).slice(0, 0), folder / name)
    yield f"{name} is no table", lambda folder: _write_text(folder / name, "PAR1 nothing PAR1")
    yield f"{name} has no columns", lambda folder: pq.write_table(pa.table({}), folder / name)


def mutated(root: Path, mutation: Mutation, folder: Path) -> Path:
    """A copy of a folder with one mutation; what stood at the place before is removed."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(root, folder)
    mutation[1](folder)
    return folder


def _paths(entries: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if before:
        yield before
    if isinstance(entries, dict):
        for name, value in entries.items():
            yield from _paths(value, (*before, name))


def _manifest_change(path: tuple[Any, ...], value: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        stored = json.loads((folder / "manifest.json").read_text())
        inside = stored
        for name in path[:-1]:
            inside = inside[name]
        if value is GONE:
            del inside[path[-1]]
        else:
            inside[path[-1]] = copy.deepcopy(value)
        _write_text(folder / "manifest.json", json.dumps(stored))

    return change


def _column_change(
    name: str, column: str, change: Callable[[pa.ChunkedArray], pa.Array] | None
) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        table = pq.ParquetFile(folder / name).read()
        place = table.column_names.index(column)
        changed = table.remove_column(place)
        if change is not None:
            changed = changed.add_column(place, column, change(table[column]))
        pq.write_table(changed, folder / name)

    return write


def _write_text(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
