"""A table that grows while a search runs: append-only Parquet parts, merged as they grow, one file in the end.

Parts are numbered in the order of writing, so that of two rows with one key the one in the later part holds.
Merging writes the union as a new, later part before it removes the old ones: a reader that sees both reads the
same rows twice and keeps the later, and one that finds a part gone lists the folder again. The one file in the end says
which parts it holds, and they count no more. So any of the merged parts may be left behind, by a kill or in a store
that never had all of them: the next writer removes them, for merged anew they would stand over later rows.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from search.experiment.atomic import flush_folder, write_bytes, write_file

MERGE_AT = 32
"""How many parts of one level are merged into one of the next; so a level has at most a few dozen small files."""
_PART = re.compile(r"(?:^|/)part-(\d+)-(\d+)\.parquet$")
_HOLDS = b"parts_below"
"""The entry in the metadata of `NAME.parquet` that holds the number below which parts are merged into it."""

Row = Mapping[str, object]


@dataclass(frozen=True)
class TableRead:
    """What could be read of a table, and the names of the files that could not."""

    table: pa.Table
    skipped: tuple[str, ...] = ()


def read_parts(root: str | Path, name: str, key: Sequence[str], filesystem: pafs.FileSystem | None = None) -> TableRead:
    """Return the union of `NAME.parquet` and the parts under `NAME/`, with the latest row for each key.

    It works while a search writes. A file that is torn or not Parquet is left out and named in `skipped`.
    """
    files = filesystem or pafs.LocalFileSystem()
    read: dict[str, pa.Table] = {}
    for _ in range(10):
        read, skipped, gone = _read_all(files, str(root), name, read)
        if not gone:
            break
    tables = list(read.values())
    if not tables:
        return TableRead(pa.table({}), tuple(skipped))
    return TableRead(tables[0] if len(tables) == 1 else _latest(tables, key), tuple(skipped))


def _read_all(
    files: pafs.FileSystem, root: str, name: str, before: Mapping[str, pa.Table]
) -> tuple[dict[str, pa.Table], list[str], bool]:
    """Return tables by path, what could not be read, and whether files went away meanwhile, so that it must read again.

    `before` is what an earlier try has read: a part never changes, so one that is still listed is not read again.
    """
    tables: dict[str, pa.Table] = {}
    skipped, gone, held = [], False, 0
    for path in _list(files, root, name):
        part = _PART.search(path)
        if part and int(part[1]) < held:
            continue
        if path in before and part:
            tables[path] = before[path]
            continue
        try:
            with files.open_input_file(path) as source:
                tables[path] = pq.ParquetFile(source).read()
            held = held if part else _held(tables[path].schema)
        except (pa.ArrowException, OSError, ValueError) as error:
            # A store that loses an object between opening and reading does not say so clearly.
            if isinstance(error, FileNotFoundError) or files.get_file_info(path).type == pafs.FileType.NotFound:
                gone = True
            else:
                skipped.append(PurePosixPath(path).relative_to(root).as_posix())
    return tables, skipped, gone


def _held(whole: pa.Schema) -> int:
    """Return the number below which parts are merged into a table that was written as one file."""
    return int((whole.metadata or {}).get(_HOLDS, 0))


def _read(path: Path) -> pa.Table:
    """Read a small file; `pq.read_table`, which is made for data sets of many files, takes three times as long."""
    with pq.ParquetFile(path) as file:
        return file.read()


def _list(files: pafs.FileSystem, root: str, name: str) -> list[str]:
    whole = f"{root}/{name}.parquet"
    found = [whole] if files.get_file_info(whole).type == pafs.FileType.File else []
    listed = files.get_file_info(pafs.FileSelector(f"{root}/{name}", allow_not_found=True))
    parts = sorted((int(match[1]), info.path) for info in listed if (match := _PART.search(info.base_name)))
    return found + [path for _, path in parts]


def _column(values: Sequence[object]) -> pa.Array:
    """Return values as one type, which is text where they are mixed, as settings of a define-by-run space may be."""
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {int, float} or kinds == {bool}:
        return pa.array(values)  # A column of nothing but None takes the type that it has in other parts.
    return pa.array([value if value is None else str(value) for value in values], pa.string())


def _of_one_type(tables: Sequence[pa.Table]) -> list[pa.Table]:
    """Return the tables with a column as text where its types differ, text, truth values or numbers, between tables."""
    kinds: dict[str, set[str]] = {}
    for table in tables:
        for field in table.schema:
            kind = "text" if pa.types.is_string(field.type) else str(field.type).rstrip("0123456789")
            kinds.setdefault(field.name, set()).add({"int": "number", "double": "number"}.get(kind, kind))
    mixed = [name for name, found in kinds.items() if len(found - {"null"}) > 1]
    return [_as_text(table, [name for name in mixed if name in table.column_names]) for table in tables]


def _as_text(table: pa.Table, names: Sequence[str]) -> pa.Table:
    for name in names:
        texts = [value if value is None else str(value) for value in table[name].to_pylist()]
        table = table.set_column(table.column_names.index(name), name, pa.array(texts, pa.string()))
    return table


def _latest(tables: Sequence[pa.Table], key: Sequence[str]) -> pa.Table:
    """Return the last row for each key from tables in the order of their writing."""
    union = pa.concat_tables(_of_one_type(tables), promote_options="permissive")
    row = pa.array(np.arange(len(union)))
    kept = union.select(list(key)).append_column("row", row).group_by(list(key)).aggregate([("row", "max")])["row_max"]
    return union.take(pc.take(kept, pc.sort_indices(kept)))


class PartWriter:
    """Appends rows to one table of an experiment; a single process writes at a time (the experiment's lock).

    `removed` is told which parts were merged and removed; `describe` adds to the schema of the one file in the end what
    its columns mean.
    """

    def __init__(
        self,
        root: Path,
        name: str,
        key: Sequence[str],
        schema: pa.Schema,
        removed: Callable[[Sequence[Path]], None] = lambda parts: None,
        *,
        describe: Callable[[pa.Schema], pa.Schema] = lambda schema: schema,
    ) -> None:
        self._root, self._name, self._key, self._schema = root, name, tuple(key), schema
        self._removed, self._describe = removed, describe
        self._folder = root / name
        self._levels: dict[int, list[Path]] = {}
        """The parts that there are, by level: 0 as they were written, each further one merged of those below."""
        self._fresh: dict[Path, pa.Table] = {}
        """The parts of the lowest level that this process wrote, which are kept because they are merged soon."""
        whole = root / f"{name}.parquet"
        self._next = _held(pq.read_schema(whole)) if whole.exists() else 0
        self._find_parts(below=self._next)

    def _find_parts(self, below: int) -> None:
        """Take over the parts of an earlier writer, and remove those that were merged or have numbers `below`."""
        merged: list[Path] = []
        highest = 0
        for path in sorted(self._folder.glob("part-*.parquet"), reverse=True):
            match = _PART.search(path.name)
            if not match:
                continue
            number, level = int(match[1]), int(match[2])
            self._next = max(self._next, number + 1)
            if number < below or level < highest:  # When a level was merged, all lower ones were empty.
                merged.append(path)
            else:
                highest = level
                self._levels.setdefault(level, []).insert(0, path)
        self._remove(merged)

    def append(self, rows: Sequence[Row]) -> None:
        """Write rows durably as one part; a column that the schema does not know has the type of its values."""
        if rows:
            latest = {tuple(row.get(name) for name in self._key): row for row in rows}
            self._write(self._table(list(latest.values())), level=0)
            self._merge()

    def compact(self) -> None:
        """Write everything as `NAME.parquet` and remove the parts."""
        if not any(self._levels.values()) and (self._root / f"{self._name}.parquet").exists():
            return
        table = read_parts(self._root, self._name, self._key).table
        self.replace(table.sort_by([(name, "ascending") for name in self._key]) if table.num_columns else table)

    def replace(self, table: pa.Table) -> None:
        """Write `table` as `NAME.parquet` in place of all that is stored."""
        described = pa.Table.from_arrays(table.columns, schema=self._describe(table.schema))
        whole = described.replace_schema_metadata({_HOLDS: str(self._next)})
        write_file(self._root / f"{self._name}.parquet", lambda path: pq.write_table(whole, path))
        self._remove([path for level in self._levels.values() for path in level])
        self._levels, self._fresh = {}, {}

    def _table(self, rows: Sequence[Row]) -> pa.Table:
        names: dict[str, None] = {}
        for row in rows:
            names.update(dict.fromkeys(row))
        known = set(self._schema.names)
        fields = [field for field in self._schema if field.name in names]
        unknown = {name: _column([row.get(name) for row in rows]) for name in names if name not in known}
        table = pa.Table.from_pylist([dict(row) for row in rows], schema=pa.schema(fields))
        for name, column in unknown.items():
            table = table.append_column(name, column)
        return table

    def _write(self, table: pa.Table, level: int) -> None:
        path = self._folder / f"part-{self._next:08d}-{level}.parquet"
        self._next += 1
        # A row takes 0.4 ms by way of memory, and 2 where Arrow is given a path. What pays for many rows only is off.
        buffer = pa.BufferOutputStream()
        if level:
            pq.write_table(table, buffer, compression="zstd")
        else:
            pq.write_table(table, buffer, compression="none", use_dictionary=False, write_statistics=False)
            self._fresh[path] = table
        write_bytes(path, buffer.getvalue())
        self._levels.setdefault(level, []).append(path)

    def _merge(self) -> None:
        """Merge a full level into the next; lower levels are empty then, so that later parts stay later."""
        for level in range(8):
            if len(self._levels.get(level, ())) < MERGE_AT:
                return
            old = self._levels[level]
            tables = [self._fresh.pop(path) if path in self._fresh else _read(path) for path in old]
            self._write(_latest(tables, self._key), level + 1)
            self._levels[level] = []
            self._remove(old)

    def _remove(self, parts: Sequence[Path]) -> None:
        for path in parts:
            path.unlink(missing_ok=True)
        if parts:
            flush_folder(self._folder)
            self._removed(parts)
