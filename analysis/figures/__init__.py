"""Figures of stored results: each from a function that returns numbers and one that draws them on given axes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from analysis.columns import find_columns
from analysis.figures import (
    bars,
    classes,
    curves,
    important,
    parallel,
    progress,
    sample_size,
    settings,
    slices,
    timeline,
    tradeoff,
)
from analysis.figures.style import style
from analysis.load import Results
from search.errors import SearchError


@dataclass(frozen=True)
class Kind:
    """A kind of figure: what it shows, and how it is made (raises SearchError where the results have no data for it).

    `draw` takes the results, and also the columns to group by where the kind can group.
    """

    caption: str
    draw: Callable[..., Figure]
    groups: bool = False


KINDS: dict[str, Kind] = {
    "curves": Kind("Training and validation by epoch", curves.figure, groups=True),
    "compare": Kind("Test values with their intervals, best validation on top", bars.figure, groups=True),
    "progress": Kind("Best value so far against trials and time, and where trials were stopped", progress.figure),
    "importance": Kind("Which parameters mattered", important.figure),
    "slice": Kind("The metric against each parameter", slices.figure),
    "contour": Kind("The metric over two parameters", slices.contour_figure, groups=True),
    "parallel": Kind("Every configuration through its settings to its result", parallel.figure),
    "tradeoff": Kind("The metric against the number of parameters and seconds", tradeoff.figure, groups=True),
    "sample_size": Kind("Accuracy against the number of training images", sample_size.figure, groups=True),
    "learning_rate": Kind("Which learning rate, and how the loss falls with it", settings.learning_rate_figure),
    "unfreeze_depth": Kind("How deep to unfreeze a backbone", settings.unfreeze_figure),
    "confusion": Kind("Which classes the best trial takes for each other", classes.confusion_figure),
    "images": Kind("Images per class", classes.images_figure),
    "timeline": Kind("Which worker ran which trial when", timeline.figure),
}


def make(kind: str, results: Results, by: Sequence[str] = ()) -> Figure:
    """A figure of one of KINDS, ready to be shown in a notebook or saved.

    Raises SearchError where the results have no data for it, or where it cannot group and `by` is given.
    """
    columns = find_columns(results.trials, by)
    if columns and not KINDS[kind].groups:
        able = ", ".join(name for name, one in KINDS.items() if one.groups)
        raise SearchError(f"the figure {kind} does not group; leave out --by, or choose one of: {able}.")
    return KINDS[kind].draw(results, columns) if columns else KINDS[kind].draw(results)


def save(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Write a figure as PNG and SVG; the paths. Raises SearchError where the folder cannot be written."""
    paths = [folder / f"{name}.png", folder / f"{name}.svg"]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with style():
            for path in paths:
                figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
    except OSError as error:
        raise SearchError(f"{folder} cannot be written ({error.strerror}); give another --output.") from None
    return paths
