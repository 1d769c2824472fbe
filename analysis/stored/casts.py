"""Checks stored tables against their schema: a column of another type is cast if nothing is lost, else left out."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from search.experiment.schema import CONFIG_PREFIX, TRIALS, epoch_schema, stored_trial_fields

STATES = ("complete", "running", "pruned", "failed")
MOST_EPOCHS = 1_000_000
_NUMBERS = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_null)


def checked(table: pa.Table, name: str, metric: str) -> tuple[pa.Table, list[str]]:
    """Return the table with the types of its schema, and a sentence for each column or group of rows left out.

    A table without trial ids is left out as a whole. The metric, and what a trainable yields under a name of its own,
    must be a number; settings may have any plain type.
    """
    if "trial_id" not in table.column_names:
        return table.slice(0, 0).select([]), [f"{name} has no column trial_id; the table is left out"]
    schema = stored_trial_fields() if name == TRIALS else epoch_schema()
    wanted = {field.name: field.type for field in schema} | {metric: pa.float64()}
    wrong: list[str] = []
    for column in dict.fromkeys(table.column_names):
        if table.column_names.count(column) > 1:
            return table.slice(0, 0).select([]), [f"{name} has the column {column} twice; the table is left out"]
        kind = wanted.get(column) or _plain(table[column].type, column)
        if kind is None or table[column].type == kind:
            continue
        place = table.column_names.index(column)
        cast = _cast(table[column], kind)
        if cast is not None:
            table = table.set_column(place, column, cast)
        else:
            wrong.append(f"{name}: column {column} is {table[column].type}; expected {_said(kind)}, and it is left out")
            table = table.remove_column(place)
    if "trial_id" not in table.column_names:
        return table.slice(0, 0).select([]), wrong
    return _rows(_finite(table, name, wrong), name, wrong)


def _finite(table: pa.Table, name: str, wrong: list[str]) -> pa.Table:
    """Return the table with infinite values as missing ones."""
    for place, column in enumerate(table.column_names):
        if table[column].type == pa.float64() and pc.any(pc.is_inf(table[column])).as_py():
            wrong.append(f"{name}: column {column} has infinite values, which count as missing")
            known = pc.if_else(pc.is_inf(table[column]), pa.scalar(None, pa.float64()), table[column])
            table = table.set_column(place, column, known)
    return table


def _plain(kind: pa.DataType, column: str) -> pa.DataType | None:
    """Return the type to which a column without a declared one is cast, or None to leave it as it is."""
    if pa.types.is_boolean(kind) or pa.types.is_string(kind) or kind in (pa.int64(), pa.float64()):
        return None
    if any(test(kind) for test in _NUMBERS):
        return pa.float64()
    return pa.string() if column.startswith(CONFIG_PREFIX) else None


def _cast(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray | None:
    """Return the column as another type, or None where that is impossible or would lose something."""
    numeric = any(test(column.type) for test in _NUMBERS)
    if kind == pa.float64() and not numeric:
        return None  # A text that looks like a number was written by something else.
    try:
        return column.cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None


def _said(kind: pa.DataType) -> str:
    names = {pa.int64(): "whole numbers", pa.float64(): "numbers", pa.string(): "text"}
    return names.get(kind, "times")


def _rows(table: pa.Table, name: str, wrong: list[str]) -> tuple[pa.Table, list[str]]:
    """Return the rows that tell their trial and epoch; states that nothing here knows become null."""
    kept = pc.and_(pc.is_valid(table["trial_id"]), pc.not_equal(pc.fill_null(table["trial_id"], ""), ""))
    if name != TRIALS:
        if "epoch" not in table.column_names:
            return table.slice(0, 0).select([]), [*wrong, f"{name} has no whole numbers epoch; the table is left out"]
        epoch = pc.fill_null(table["epoch"], 0)
        kept = pc.and_(kept, pc.and_(pc.greater(epoch, 0), pc.less(epoch, MOST_EPOCHS)))
    if not pc.all(kept).as_py():
        lost = len(table) - int(pc.sum(kept).as_py() or 0)
        wrong.append(f"{name}: {lost} of {len(table)} rows have no trial_id or epoch that can be, and are left out")
        table = table.filter(kept)
    if "state" in table.column_names:
        known = pc.is_in(table["state"], pa.array(STATES))
        if not pc.all(pc.or_(known, pc.is_null(table["state"]))).as_py():
            wrong.append(f"{name}: some states are none of {', '.join(STATES)}, and count as none")
            state = pc.if_else(known, table["state"], pa.scalar(None, pa.string()))
            table = table.set_column(table.column_names.index("state"), "state", state)
    return table, wrong
