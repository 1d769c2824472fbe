"""Fits a table to the width of a terminal: what tells least is left out by name, and sentences end lines at words."""

from __future__ import annotations

import textwrap
from collections.abc import Collection

import pandas as pd
from rich.cells import cell_len

from analysis.wording.formats import Table, as_text, on_screen
from search.experiment.schema import CONFIG_PREFIX, headings

LEFT_OUT_FIRST = (
    "log", "num_trainable_parameters", "num_parameters", "best_epoch", "test_loss", "iqm", "val_loss", "train_seconds",
    "seconds", "complete", "test_accuracy 95 %", "std", "epochs", "val_accuracy 95 %", "runs",
)  # fmt: skip
"""Columns that a narrow terminal does not show, in this order, as far as it must."""
_GAP = 2
_LEAST = 12
"""Characters that remain of the last column where its texts are cut."""


def for_terminal(table: Table, width: int, keep: Collection[str] = ()) -> str:
    """Return the table as text for a terminal of `width` columns, with a line end.

    Columns of LEFT_OUT_FIRST are left out, but for those of `keep`, until the rest fits; a sentence names them. Where
    it still does not fit the texts of the last column are cut, and lines that are wider yet stay as they are.
    """
    widths = {str(name): max(map(cell_len, [str(name), *column])) for name, column in on_screen(table.frame).items()}
    out: list[str] = []
    for name in LEFT_OUT_FIRST:
        has_namesake = f"{CONFIG_PREFIX}{name}" in widths  # A setting, which would then stand under this name.
        if _wide(widths) > width and name in widths and name not in keep and not has_namesake:
            out.append(name)
            del widths[name]
    headed = {name: _heading(name, heading) for name, heading in headings(table.frame.columns).items()}
    frame = table.frame.drop(columns=[name for name, heading in headed.items() if heading in out])
    last = str(frame.columns[-1])
    room = width - _wide(widths) + widths[headed[last]]
    if _wide(widths) > width and room >= max(_LEAST, len(last)) and frame[last].map(type).isin([str]).any():
        frame = frame.assign(**{last: pd.Series([_cut(value, room) for value in frame[last]], frame.index)})
    told = [f"Too wide for this terminal: {', '.join(out)}; --format csv has all columns."] if out else []
    return as_text(Table(frame, tuple(_lines(note, width) for note in (*told, *table.notes))))


def _wide(widths: dict[str, int]) -> int:
    return sum(widths.values()) + _GAP * (len(widths) - 1)


def _heading(column: str, heading: str) -> str:
    """Return what stands above a column: the two ends of an interval have one heading."""
    return f"{column.rsplit(' ', 1)[0]} 95 %" if column.endswith((" low", " high")) else heading


def _cut(value: object, room: int) -> object:
    return f"{value[: room - 1]}…" if isinstance(value, str) and len(value) > room else value


def _lines(note: str, width: int) -> str:
    """Return a sentence in lines that end at words; one that holds a command is left for copying."""
    if "python -m" in note:
        return note
    return textwrap.fill(note, width, break_long_words=False, break_on_hyphens=False)
