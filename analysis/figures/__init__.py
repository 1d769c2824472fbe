"""Figures of stored results: each from a function that returns numbers and one that draws them on given axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from analysis.columns import find_columns
from analysis.figures import bars, curves
from analysis.figures.style import style
from analysis.load import Results
from search.errors import SearchError

Maker = Callable[[Results, Sequence[str]], Figure]

KINDS: dict[str, Maker] = {
    "curves": curves.figure,
    "compare": bars.figure,
}
"""Kinds of figures; a maker takes the results and the columns to group by, and raises SearchError without data."""


def make(kind: str, results: Results, by: Sequence[str] = ()) -> Figure:
    """A figure of one of KINDS, ready to be shown in a notebook or saved; raises SearchError."""
    return KINDS[kind](results, find_columns(results.trials, by))


def save(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Write a figure as PNG and SVG; the paths."""
    paths = [folder / f"{name}.png", folder / f"{name}.svg"]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with style():
            for path in paths:
                figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
    except OSError as error:
        raise SearchError(f"{folder} cannot be written ({error.strerror}); give another --output.") from None
    return paths
