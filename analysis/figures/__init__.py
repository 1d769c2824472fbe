"""Figures of stored results: for each, one function returns numbers and another draws them on given axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from analysis.figures.drawing.style import style
from analysis.load import Results
from analysis.wording.columns import find_columns
from search.errors import SearchError

MANY = 2000
"""Number of points or lines of one artist from which on an SVG holds them as an image."""


@dataclass(frozen=True)
class Kind:
    """A kind of figure: what it shows, and the module of this package and the function in it that make it.

    The function takes the results, and also the columns to group by where the kind can group; it raises SearchError
    where the results have no data for it. Modules are imported when used, because Optuna alone takes half a second.
    """

    caption: str
    module: str
    function: str = "figure"
    groups: bool = False


KINDS: dict[str, Kind] = {
    "curves": Kind("Training and validation by epoch", "curves", groups=True),
    "compare": Kind("Test values with their intervals, best validation on top", "bars", groups=True),
    "progress": Kind("Best value so far against trials and time, and where trials were stopped", "progress"),
    "importance": Kind("Which parameters mattered", "parameters.important"),
    "slice": Kind("The metric against each parameter", "parameters.slices"),
    "contour": Kind("The metric over two parameters", "parameters.contour", groups=True),
    "parallel": Kind("Every configuration through its settings to its result", "parameters.parallel"),
    "front": Kind("Several objectives against each other, with their Pareto front", "front"),
    "schedules": Kind("How a population came to its best trial: the settings of all members by epoch", "schedules"),
    "tradeoff": Kind("The metric against the number of parameters and seconds", "tradeoff", groups=True),
    "sample_size": Kind("Accuracy against the number of training images", "sample_size", groups=True),
    "learning_rate": Kind(
        "Which learning rate; how the loss falls with it", "parameters.settings", "learning_rate_figure"
    ),
    "unfreeze_depth": Kind("How deep to unfreeze a backbone", "parameters.settings", "unfreeze_figure"),
    "confusion": Kind("Which classes the best trial takes for each other", "classes", "confusion_figure"),
    "images": Kind("Images per class", "classes", "images_figure"),
    "timeline": Kind("Which worker ran which trial when", "timeline"),
}


def make(kind: str, results: Results, by: Sequence[str] = ()) -> Figure:
    """Return a figure of one of KINDS, ready to be shown in a notebook or saved.

    Raises SearchError where the results have no data for it, or where it cannot group and `by` is given.
    """
    columns = find_columns(results.trials, by)
    if columns and not KINDS[kind].groups:
        able = ", ".join(name for name, one in KINDS.items() if one.groups)
        raise SearchError(f"the figure {kind} does not group; leave out --by, or choose one of: {able}.")
    draw = getattr(import_module(f"analysis.figures.{KINDS[kind].module}"), KINDS[kind].function)
    drawn: Figure = draw(results, columns) if columns else draw(results)
    return drawn


def finish(figure: Figure) -> None:
    """Make a figure ready for its files: crowds become images in an SVG, and its parts are placed once for all files.

    Thousands of elements make viewers slow, and each save would place the parts anew, for which it draws the crowds.
    """
    for axes in figure.axes:
        for artist in axes.collections:
            size = max(np.shape(artist.get_offsets())[0], len(artist.get_paths()))
            if size > MANY:
                artist.set_rasterized(True)
        for line in axes.lines:
            if np.size(line.get_xdata()) > MANY:
                line.set_rasterized(True)
    figure.set_dpi(float(mpl.rcParams["savefig.dpi"]))
    figure.draw_without_rendering()
    figure.set_layout_engine(None)


def save(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Write a figure as PNG and SVG and return the paths. Raises SearchError where the folder cannot be written."""
    paths = [folder / f"{name}.png", folder / f"{name}.svg"]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with style():
            finish(figure)
            for path in paths:
                figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
    except OSError as error:
        raise SearchError(f"{folder} cannot be written ({error.strerror}); give another --output.") from None
    return paths
