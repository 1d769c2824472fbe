"""Writes tables as text, Markdown, CSV, LaTeX and HTML."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from rich.cells import cell_len

from search.experiment.schema import CONFIG_PREFIX, headings, shown
from search.wording import shorten

FORMATS = ("text", "markdown", "csv", "latex", "html")
NOTHING = "–"
LONGEST = 60
"""Characters of a setting in a table for a screen; other formats have all of it."""
_DECIMALS = {"accuracy": 4, "loss": 4, "seconds": 1}


@dataclass(frozen=True, repr=False)
class Table:
    """Numbers, and the sentences that must be read with them.

    Columns `X low` and `X high` are shown as one, `X 95 %`; in csv they stay numbers.
    """

    frame: pd.DataFrame
    notes: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return as_text(self)

    def _repr_html_(self) -> str:
        return as_html(self)


def render(table: Table, kind: str) -> str:
    """Return the table in one of FORMATS, with a line end."""
    return {"text": as_text, "markdown": as_markdown, "csv": as_csv, "latex": as_latex, "html": as_html}[kind](table)


def cells(frame: pd.DataFrame) -> pd.DataFrame:
    """Return every cell as text to be read, with intervals merged."""
    texts = {}
    for name, heading in headings(frame.columns).items():
        if name.endswith(" low") and f"{name[:-4]} high" in frame:
            measure = name[:-4]
            low, high = _texts(frame[name], measure), _texts(frame[f"{measure} high"], measure)
            texts[f"{measure} 95 %"] = [
                NOTHING if a == NOTHING else f"{a} to {b}" for a, b in zip(low, high, strict=True)
            ]
        elif not (name.endswith(" high") and f"{name[:-5]} low" in frame):
            texts[heading] = _texts(frame[name], name)
    return pd.DataFrame(texts, dtype=object)


def on_screen(frame: pd.DataFrame) -> pd.DataFrame:
    """Return every cell as text of one line, with the settings that are too long for a screen cut in their middle."""
    texts = cells(frame).map(lambda text: text.replace("\n", " "))
    for name, heading in headings(frame.columns).items():
        if name.startswith(CONFIG_PREFIX):
            texts[heading] = [shorten(text, LONGEST) for text in texts[heading]]
    return texts


def _texts(column: pd.Series, name: str) -> list[str]:
    is_setting = name.startswith(CONFIG_PREFIX)
    decimals = None if is_setting else next((count for word, count in _DECIMALS.items() if word in name), None)
    return [cell(value, decimals) for value in column]


def cell(value: object, decimals: int | None = None) -> str:
    """Return one value as text to be read: floats to four digits, or to `decimals` decimals, and null as a dash.

    Numbers that are very large, or of which no decimal would remain, have four digits in any case.
    """
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and np.isnan(value)):
        return NOTHING
    if isinstance(value, (float, np.floating)):
        number = float(value)
        fits = decimals is not None and (number == 0 or 10**-decimals <= abs(number) < 1e6)
        return f"{number:.{decimals}f}" if fits else f"{number:.4g}"
    return str(value)


def group_name(columns: Sequence[str], values: Iterable[object]) -> str:
    """Return the name of the trials that have these values in these columns, such as `filters=32, network=vgg16`."""
    return ", ".join(f"{shown(name)}={cell(value)}" for name, value in zip(columns, values, strict=True))


def _right(frame: pd.DataFrame, texts: pd.DataFrame) -> list[bool]:
    """Return which columns are aligned to the right: those of numbers and intervals."""
    headed = headings(frame.columns).items()
    numeric = {heading for name, heading in headed if pd.api.types.is_numeric_dtype(frame[name])}
    return [name in numeric or name.endswith(" 95 %") for name in texts.columns]


def as_text(table: Table) -> str:
    """Return columns padded with spaces, long settings cut in their middle, with the notes below."""
    texts = on_screen(table.frame)
    right = _right(table.frame, texts)
    rows = [list(texts.columns), *texts.values.tolist()]
    widths = [max(cell_len(row[i]) for row in rows) for i in range(len(texts.columns))]
    rows.insert(1, ["-" * width for width in widths])
    lines = ["  ".join(_pad(c, w, r) for c, w, r in zip(row, widths, right, strict=True)).rstrip() for row in rows]
    return "\n".join([*lines, "", *table.notes]).rstrip() + "\n"


def _pad(text: str, width: int, right: bool) -> str:
    room = " " * (width - cell_len(text))
    return room + text if right else text + room


def as_markdown(table: Table) -> str:
    """Return a pipe table, with the notes as a list below."""
    texts = cells(table.frame)
    rule = ["---:" if right else "---" for right in _right(table.frame, texts)]
    head, *rows = ([_in_pipes(text) for text in row] for row in [list(texts.columns), *texts.values.tolist()])
    lines = ["| " + " | ".join(row) + " |" for row in [head, rule, *rows]]
    return "\n".join([*lines, "", *(f"- {note}" for note in table.notes)]).rstrip() + "\n"


def _in_pipes(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def as_csv(table: Table) -> str:
    """Return the numbers as they are, for other programs, without notes."""
    return str(table.frame.rename(columns=headings(table.frame.columns)).to_csv(index=False))


_LATEX = str.maketrans(
    {
        **{char: "\\" + char for char in "&%$#_{}"},
        "\\": r"\textbackslash{}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "–": "--",
        "\n": " ",
    }
)


def as_latex(table: Table) -> str:
    """Return a tabular with the rules of the package booktabs, and the notes as comments."""
    texts = cells(table.frame)
    align = "".join("r" if right else "l" for right in _right(table.frame, texts))
    rows = [
        " & ".join(c.translate(_LATEX) for c in row) + r" \\" for row in [list(texts.columns), *texts.values.tolist()]
    ]
    lines = [f"\\begin{{tabular}}{{{align}}}", r"\toprule", rows[0], r"\midrule", *rows[1:], r"\bottomrule"]
    notes = [f"% {note}" for note in table.notes]
    return "\n".join([*notes, *lines, r"\end{tabular}"]) + "\n"


def as_html(table: Table) -> str:
    """Return a table element with everything escaped; each cell of numbers carries its full value for sorting."""
    texts = cells(table.frame)
    right = _right(table.frame, texts)
    values = _sort_values(table.frame)
    head = "".join(
        f'<th scope="col"{_class(r)}>{html.escape(name)}</th>' for name, r in zip(texts.columns, right, strict=True)
    )
    body = []
    for i, row in enumerate(texts.values.tolist()):
        body.append(
            "<tr>"
            + "".join(
                f"<td{_class(r)}{_value(values.get(name), i)}>{html.escape(text)}</td>"
                for name, text, r in zip(texts.columns, row, right, strict=True)
            )
            + "</tr>"
        )
    notes = "".join(f"<p>{html.escape(note)}</p>" for note in table.notes)
    return f"<table><thead><tr>{head}</tr></thead><tbody>\n" + "\n".join(body) + f"\n</tbody></table>{notes}\n"


def _class(right: bool) -> str:
    return ' class="number"' if right else ""


def _sort_values(frame: pd.DataFrame) -> dict[str, list[object]]:
    found: dict[str, list[object]] = {}
    for name, heading in headings(frame.columns).items():
        if pd.api.types.is_numeric_dtype(frame[name]):
            found[f"{name[:-4]} 95 %" if name.endswith(" low") else heading] = list(frame[name])
    return found


def _value(values: list[object] | None, row: int) -> str:
    if values is None or pd.isna(values[row]):  # type: ignore[call-overload]  # one cell
        return ""
    return f' data-value="{float(values[row])!r}"'  # type: ignore[arg-type]  # a number, as its column's type says
