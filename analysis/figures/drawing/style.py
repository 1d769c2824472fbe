"""How every figure looks: one style, one colour for one thing, which colour-blind readers can tell apart too."""

from __future__ import annotations

import io
import textwrap
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter
from numpy.typing import ArrayLike

from analysis.figures.drawing.fonts import families

# These are the palette of Okabe and Ito, "Color Universal Design" (2008), and two greys.
BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILION, PURPLE = (
    "#000000",
    "#E69F00",
    "#56B4E9",
    "#009E73",
    "#F0E442",
    "#0072B2",
    "#D55E00",
    "#CC79A7",
)
GREY, LIGHT = "#7f7f7f", "#c9c9c9"

TRAIN, VALIDATION, TEST = ORANGE, BLUE, VERMILION
BEST = GREEN
STATES = {"complete": BLUE, "pruned": GREY, "failed": VERMILION, "running": ORANGE}
GROUPS = ("#332288", "#CC6677", "#44AA99", "#AA4499", "#999933", "#88CCEE", "#882255", "#DDCC77")
"""Colours of groups, in their order, none of which means anything else (Paul Tol, "Colour Schemes", 2021, muted). A
ninth group begins again, with another line."""
LINES = ("-", "--", ":", "-.")
CONTINUOUS = "viridis"

_SETTINGS: dict[str, Any] = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e6e6e6",
    "grid.linewidth": 0.6,
    "axes.edgecolor": "#555555",
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.6,
    "svg.fonttype": "path",
    "text.parse_math": False,  # A name may hold dollar signs.
    "svg.hashsalt": "analysis",
    "figure.facecolor": "white",
    "savefig.dpi": 150,
}


PHONE = 4.2
"""Width of a figure on a phone, in inches."""
_NARROW: ContextVar[bool] = ContextVar("narrow", default=False)


class Drawing(Figure):
    """A figure that a notebook shows by itself, without pyplot."""

    def _repr_png_(self) -> bytes:
        stored = io.BytesIO()
        with style():
            self.savefig(stored, format="png", dpi=70)
        return stored.getvalue()


@contextmanager
def style() -> Iterator[None]:
    """Give figures made in the block the look of this package, and leave the user's own settings alone."""
    chosen = {**_SETTINGS, "font.family": families()}
    with mpl.rc_context(chosen), warnings.catch_warnings():  # type: ignore[arg-type]  # the stubs list every name as a literal
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from font", UserWarning)  # One line tells of all.
        yield


@contextmanager
def phone() -> Iterator[None]:
    """Let figures made in the block fit a phone held upright: panels below each other, and no wider than the phone."""
    token = _NARROW.set(True)
    try:
        yield
    finally:
        _NARROW.reset(token)


def panels(
    count: int = 1, width: float = 6.4, height: float = 3.8, columns: int = 2, **options: Any
) -> tuple[Figure, list[Axes]]:
    """Return a figure of `count` axes, without a window and without pyplot's global list of figures."""
    if _NARROW.get():
        columns, width, height = 1, PHONE, max(min(height, 3.2), 0.75 * height)
        options.pop("sharey", None)
    columns = min(columns, count)
    rows = -(-count // columns)
    figure = Drawing(figsize=(width * columns if count > 1 else width, height * rows), layout="constrained")
    FigureCanvasAgg(figure)
    axes = list(np.atleast_1d(figure.subplots(rows, columns, squeeze=False, **options)).flat)
    for extra in axes[count:]:
        extra.remove()
    return figure, axes[:count]


def narrow() -> bool:
    """Return whether the figure that is being made is for a phone."""
    return _NARROW.get()


def title(figure: Figure, *sentences: str) -> None:
    """Write what a figure shows above it, on as many lines as it takes."""
    width = int(figure.get_figwidth() * 14.5)
    text = ". ".join(sentence.rstrip(".") for sentence in sentences if sentence)
    figure.suptitle("\n".join(textwrap.wrap(text, width)), fontsize=9, x=0.01, ha="left")


def legend(figure: Figure, axes: Sequence[Axes], columns: int = 4) -> None:
    """Explain the marks of all axes below them, each once, as many beside each other as there is room for."""
    found = {text: mark for one in axes for mark, text in zip(*one.get_legend_handles_labels(), strict=True)}
    if not found:
        return
    room = figure.get_figwidth() * 13 / (max(map(len, found)) + 6)
    columns = max(1, min(columns, len(found), int(room)))
    figure.legend(list(found.values()), list(found), loc="outside lower left", ncols=columns)


def group_style(index: int) -> dict[str, Any]:
    """Return colour and line of the group of that number."""
    return {"color": GROUPS[index % len(GROUPS)], "linestyle": LINES[(index // len(GROUPS)) % len(LINES)]}


def label(metric: str) -> str:
    """Return a column's name as the text of an axis."""
    names = {"val": "validation", "train": "training", "num": "number of"}
    words = metric.removeprefix("config.").split("_")
    return " ".join([names.get(words[0], words[0]), *words[1:]])


def whole_ticks(axes: Axes, which: str = "x") -> None:
    """Put ticks at whole numbers only."""
    (axes.xaxis if which == "x" else axes.yaxis).set_major_locator(MaxNLocator(integer=True))


def annotate_bar(axes: Axes, text: str, end: float, row: float) -> None:
    """Write a text after the end of a horizontal bar or interval."""
    axes.annotate(text, (end, row), xytext=(6, 0), textcoords="offset points", va="center", fontsize=7.5)


def compact(value: float) -> str:
    """Return a large or small number in few characters: 1.2M, 35k, 0.02."""
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if abs(value) >= size:
            return f"{value / (1e3 if unit == 'k' else size):.3g}{unit}"
    return f"{value:g}"


def time_unit(longest: float) -> tuple[str, float]:
    """Return the unit in which so many seconds are shown, and its length in seconds."""
    return ("hours", 3600.0) if longest > 7200 else ("minutes", 60.0) if longest > 120 else ("seconds", 1.0)


def colours(mode: str) -> str:
    """Return the colour map of results, which is brighter for better ones."""
    return "viridis" if mode == "max" else "viridis_r"


def cost_axis(axes: Axes, low: float, high: float) -> None:
    """Make a horizontal axis of sizes or times, logarithmic where they span much, with few and plain labels."""
    axes.xaxis.set_major_formatter(lambda value, _: compact(value))
    if low > 0 and high > 8 * low:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 60 * low else (1,)))
        axes.xaxis.set_major_formatter(lambda value, _: compact(value))
        axes.xaxis.set_minor_formatter(NullFormatter())


def focus(values: ArrayLike, mode: str) -> tuple[float, float] | None:
    """Return limits within which the better half fills at least a fourth of an axis, or None where none are needed.

    Worse values are to be drawn at the edge: in a search that prunes they are many, and far off.
    """
    finite = np.asarray(values, dtype=float)
    finite = finite[np.isfinite(finite)]
    if len(finite) < 8:
        return None
    low, middle, high = (float(v) for v in np.quantile(finite, [0, 0.5, 1]))
    half = max(high - middle if mode == "max" else middle - low, 0.02 * (high - low))
    if half <= 0 or (high - low) <= 4 * half:
        return None
    return (high - 4 * half, high) if mode == "max" else (low, low + 4 * half)


def robust_limits(values: Sequence[float], mode: str, room: float = 0.05) -> tuple[float, float] | None:
    """Return limits that show the good values well where a few bad ones would flatten them, or else None.

    The bad side is cut where it lies more than three times as far from the middle half as that is wide.
    """
    finite = np.asarray(values, dtype=float)
    finite = finite[np.isfinite(finite)]
    if len(finite) < 8:
        return None
    low, first, third, high = np.quantile(finite, [0, 0.25, 0.75, 1])
    spread = max(third - first, 1e-12)
    if mode == "max" and first - low > 3 * spread:
        bottom = first - 3 * spread
        return float(bottom), float(high + room * (high - bottom))
    if mode == "min" and high - third > 3 * spread:
        top = third + 3 * spread
        return float(low - room * (top - low)), float(top)
    return None
