"""Draws accuracy against the number of training images, with a fitted curve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from analysis.configurations import configurations
from analysis.figures.drawing.style import group_style, label, legend, panels, style, title
from analysis.load import Results
from analysis.wording.formats import group_name
from search.errors import SearchError
from search.wording import shorten

Values = NDArray[np.float64]


@dataclass(frozen=True)
class PowerLaw:
    """The curve value = limit - gain * size ** -rate."""

    limit: float
    gain: float
    rate: float

    def __call__(self, size: ArrayLike) -> Values:
        return np.asarray(self.limit - self.gain * np.asarray(size, dtype=float) ** -self.rate)


def fit(sizes: ArrayLike, values: ArrayLike) -> PowerLaw | None:
    """Return the power law of least squares, or None for fewer than 4 sizes.

    Its limit is at most 1 for values within 0 and 1. Learning curves are close to a power law with a limit: Cortes et
    al., "Learning Curves: Asymptotic Values and Rate of Convergence" (NeurIPS 1993); Hestness et al., "Deep Learning
    Scaling is Predictable, Empirically" (2017). For each rate on a grid from 0.05 to 2 the other two are a linear
    regression.
    """
    x, y = np.asarray(sizes, dtype=float), np.asarray(values, dtype=float)
    if len(np.unique(x)) < 4:
        return None
    bounded = bool(((y >= 0) & (y <= 1)).all())
    fits = [_fit_at(x, y, float(rate), bounded) for rate in np.linspace(0.05, 2, 196)]
    return min(fits, key=lambda law: float(((law(x) - y) ** 2).sum()))


def _fit_at(x: Values, y: Values, rate: float, bounded: bool) -> PowerLaw:
    """Return the power law of least squares at a given rate; a limit above 1 becomes 1 where it is `bounded`."""
    falling = x**-rate
    (limit, slope), *_ = np.linalg.lstsq(np.stack([np.ones_like(x), falling], axis=1), y, rcond=None)
    if bounded and limit > 1:
        limit, slope = 1.0, -(falling @ (1 - y)) / (falling @ falling)
    return PowerLaw(float(limit), float(-slope), rate)


def by_sample_size(results: Results, by: Sequence[str] = ()) -> tuple[str, pd.DataFrame]:
    """Return the measure (test accuracy where stored, else the metric), and the best of each group and size.

    The columns are `group, sample_size, value, low, high` and `configurations`; the best configuration is the one with
    the best validation. Raises SearchError where there are not two sizes.
    """
    table = configurations(results)
    column = "sample_size" if "sample_size" in table else "config.sample_size"
    if column not in table or table[column].dropna().nunique() < 2:
        raise SearchError(f"{results.names} has no two sample sizes among its finished trials.")
    tested = "test" in table and bool(table["test"].notna().any())
    measure = ["test", "test_low", "test_high"] if tested else ["mean", "low", "high"]
    groups = [group_name(by, row[list(by)]) for _, row in table.iterrows()]
    frame = table[measure].set_axis(["value", "low", "high"], axis=1)
    frame = frame.assign(group=groups, sample_size=table[column].astype(float)).dropna(subset=["sample_size", "value"])
    frame["configurations"] = frame.groupby(["group", "sample_size"])["value"].transform("size")
    best = frame.drop_duplicates(["group", "sample_size"]).sort_values(["group", "sample_size"])
    return ("test_accuracy" if tested else results.metric), best.reset_index(drop=True)


def draw_sample_size(axes: Axes, data: pd.DataFrame) -> None:
    """Draw the best configuration of each size with its interval, and the fitted curve a bit beyond the last size."""
    for index, (name, group) in enumerate(data.groupby("group", sort=True)):
        colour = group_style(index)["color"]
        sides = np.nan_to_num(np.clip([group["value"] - group["low"], group["high"] - group["value"]], 0, None))
        law = fit(group["sample_size"], group["value"])
        told = shorten(str(name)) or "best configuration of each size"
        if law is not None:
            told += f": {law.limit:.4g} − {law.gain:.3g} / n^{law.rate:.2g}"
        axes.errorbar(
            group["sample_size"], group["value"], sides, fmt="o", color=colour, capsize=3, linewidth=1, label=told
        )
        if law is None:
            axes.plot(group["sample_size"], group["value"], color=colour, linewidth=0.8, alpha=0.6)
            continue
        sizes = np.geomspace(group["sample_size"].min(), 2 * group["sample_size"].max(), 100)
        axes.plot(sizes, law(sizes), color=colour, linestyle="--", linewidth=1.2)


def figure(results: Results, by: Sequence[str] = ()) -> Figure:
    """Return the test accuracy of the best configuration of each sample size."""
    measure, data = by_sample_size(results, by)
    with style():
        whole, (axes,) = panels(width=6.2, height=4.2)
        draw_sample_size(axes, data)
        sizes = np.unique(data["sample_size"])
        if sizes.max() > 4 * sizes.min():
            axes.set_xscale("log")
            axes.set_xticks(
                sizes, [f"{size:,.0f}" for size in sizes], minor=False, rotation=30 if len(sizes) > 6 else 0
            )
            axes.set_xticks([], minor=True)
        axes.set(xlabel="training images", ylabel=label(measure))
        legend(whole, [axes], columns=1)
        told = "its 95 % interval over seeds, or binomial on the images of its one run"
        title(whole, f"Of each number of images the configuration with the best {label(results.metric)}; {told}")
    return whole
