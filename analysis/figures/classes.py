"""Draws the confusion matrix of the best trial, and how many images each class has."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from analysis.figures.drawing.style import (
    LIGHT,
    TEST,
    TRAIN,
    VALIDATION,
    annotate_bar,
    legend,
    panels,
    style,
    title,
)
from analysis.load import Results
from analysis.numbers.classes import Predictions, best_predictions, per_class
from search.errors import SearchError
from search.wording import shorten

SPLITS = {"train": TRAIN, "validation": VALIDATION, "test": TEST}
NOT_USED = "train, not used"


def draw_confusion(axes: Axes, counts: NDArray[np.int64], names: tuple[str, ...]) -> AxesImage:
    """Draw shares of each true class as colours and counts as numbers, which are left out for very many classes."""
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    drawn = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    shown = [shorten(name, 16) for name in names]
    slanted: dict[str, Any] = (
        {"rotation": 40, "ha": "right", "rotation_mode": "anchor"} if max(map(len, shown)) > 2 else {}
    )
    axes.set_xticks(range(len(names)), shown, **slanted)
    axes.set_yticks(range(len(names)), shown)
    axes.grid(visible=False)
    if len(names) <= 20:
        for row, column in np.ndindex(*counts.shape):
            if counts[row, column]:
                colour = "white" if shares[row, column] > 0.55 else "#222222"
                text = f"{counts[row, column]}"
                axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=9 - len(names) / 8)
    return drawn


def confusion_figure(results: Results) -> Figure:
    """Return the confusion matrix of the best trial on the test set."""
    predictions = best_predictions(results)
    counts = predictions.confusion
    with style():
        side = min(max(3.6, 0.42 * len(counts) + 1.6), 11)
        whole, (axes,) = panels(width=side + 0.9, height=side)
        drawn = draw_confusion(axes, counts, predictions.names)
        axes.set(xlabel="predicted", ylabel="true class")
        axes.set_title(_confusion_title(predictions, counts), fontsize=9)
        whole.colorbar(drawn, ax=axes, label="share of the true class", fraction=0.046, pad=0.03)
    return whole


def _confusion_title(predictions: Predictions, counts: NDArray[np.int64]) -> str:
    scores = per_class(predictions)
    worst = scores.sort_values("recall").iloc[0]
    title = f"{predictions.heading.capitalize()}: {np.trace(counts):,} of {counts.sum():,} test images right"
    return f"{title}\nleast recall: {shorten(str(worst['class']), 24)}, {worst['recall']:.3f}"


def images_per_class(results: Results) -> pd.DataFrame:
    """Return images of each class (index) by split (columns), from the manifest, else from the stored test labels.

    Where every trial had only a part of the training images, `train` counts that part, and `train, not used` the rest:
    subsets are stratified, so each class has the same share. Raises SearchError where neither is stored.
    """
    for source in results.sources:
        counts = source.dataset.class_counts if source.dataset else {}
        if counts:
            size = len(next(iter(counts.values())))
            names = list(source.dataset.class_names if source.dataset else ()) or [str(index) for index in range(size)]
            table = pd.DataFrame({split: list(counts[split]) for split in SPLITS if split in counts}, index=names)
            return _used(table, results.trials[results.trials["experiment"] == source.name])
    predictions = best_predictions(results)
    return pd.DataFrame({"test": predictions.confusion.sum(axis=1)}, index=list(predictions.names))


def _used(table: pd.DataFrame, trials: pd.DataFrame) -> pd.DataFrame:
    """Return the counts with the training images that no trial had in a column of their own, after those used."""
    if "sample_size" not in trials or "train" not in table or trials["sample_size"].isna().all():
        return table
    share = float(trials["sample_size"].max()) / max(float(table["train"].sum()), 1.0)
    if share >= 1:
        return table
    used = (table["train"] * share).round().astype(int)
    rest = table.drop(columns="train")
    return pd.concat([used.rename("train"), rest, (table["train"] - used).rename(NOT_USED)], axis=1)


def draw_images(axes: Axes, data: pd.DataFrame) -> None:
    """Draw horizontal bars, the splits one after the other."""
    rows = np.arange(len(data))[::-1]
    left = np.zeros(len(data))
    for split in data.columns:
        axes.barh(rows, data[split], left=left, color=SPLITS.get(split, LIGHT), height=0.7, label=split)
        left += data[split].to_numpy(float)
    used = data.drop(columns=NOT_USED, errors="ignore").sum(axis=1)
    for row, total, part in zip(rows, left, used, strict=True):
        text = f"{part:,.0f} of {total:,.0f}" if part < total else f"{total:,.0f}"
        annotate_bar(axes, text, total, row)
    axes.set_yticks(rows, [shorten(str(name), 24) for name in data.index])
    axes.grid(visible=False, axis="y")
    axes.set_xlim(0, 1.3 * left.max())


def images_figure(results: Results) -> Figure:
    """Return how many images each class has, by split where that is known."""
    data = images_per_class(results)
    if len(data) > 60:
        raise SearchError(f"{results.names} has {len(data)} classes, too many for one figure.")
    with style():
        whole, (axes,) = panels(width=6.0, height=1.3 + 0.25 * len(data))
        draw_images(axes, data)
        axes.set_xlabel("images" if len(data.columns) > 1 else "test images")
        axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
        if len(data.columns) > 1:
            legend(whole, [axes])
        title(whole, "Images of each class", "Behind each bar: those that were used of all" if NOT_USED in data else "")
    return whole
