"""Draws comparisons of one setting that studies ask for: the learning rate, and the depth of unfreezing."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from analysis.configurations import describe_runs
from analysis.figures.drawing.style import BEST, CONTINUOUS, label, legend, panels, style, title, whole_ticks
from analysis.figures.parameters.slices import Slice, crosses, draw_slice, edge, slice_of
from analysis.load import Results
from analysis.numbers.by_epoch import curves
from analysis.numbers.expected import expected
from search.errors import SearchError
from search.experiment.schema import shown

LEARNING_RATES = ("config.learning_rate", "config.second_learning_rate")


def best_by_range(rates: pd.Series, values: pd.Series, mode: str, bins: int = 8) -> pd.DataFrame:
    """Return the best value within each of some ranges of equal logarithmic width: columns `rate, value`."""
    logs = np.log10(rates.to_numpy(float))
    edges = np.linspace(logs.min(), logs.max() + 1e-9, bins + 1)
    table = pd.DataFrame(
        {"range": np.digitize(logs, edges), "rate": rates.to_numpy(float), "value": values.to_numpy(float)}
    )
    table = table.sort_values("value", ascending=mode == "min").drop_duplicates("range")
    return table.sort_values("rate")[["rate", "value"]].reset_index(drop=True)


def _learning_rate_column(results: Results) -> str:
    for name in LEARNING_RATES:
        if name in results.varied:
            return name
    raise SearchError(f"{results.names} did not vary the learning rate.")


def draw_learning_rate(axes: Axes, data: Slice, rates: pd.Series, mode: str) -> None:
    """Draw the metric against the learning rate: every configuration, and the best of each range as a line."""
    draw_slice(axes, data, mode)
    few = rates.nunique() <= 8
    best = best_by_range(rates, pd.Series(data.values), mode)
    low, high = axes.get_ylim()
    axes.plot(
        np.log10(best["rate"]) if data.scale.log else best["rate"], best["value"].clip(low, high), color=BEST,
        label="best of each rate" if few else "best of each range",
    )  # fmt: skip
    axes.set_ylim(low, high)


def draw_loss_by_rate(axes: Axes, results: Results, column: str) -> ScalarMappable:
    """Draw the training loss (or the metric) by epoch, each trial in the colour of its learning rate."""
    measure = "loss" if "loss" in results.epochs and results.epochs["loss"].notna().any() else results.metric
    keys, matrix = curves(results, measure)
    rates = results.trials.set_index("key").loc[keys, column].to_numpy(float)
    known = np.isfinite(rates)
    epochs = np.arange(1, matrix.shape[1] + 1, dtype=float)
    lines = [np.stack([epochs, row], axis=1)[np.isfinite(row)] for row in matrix[known]]
    norm = LogNorm()
    drawn = LineCollection(lines, cmap=CONTINUOUS, norm=norm, linewidth=1, alpha=0.8)
    drawn.set_array(rates[known])
    axes.add_collection(drawn)
    single = np.isfinite(matrix[known]).sum(axis=1) == 1  # A line of one epoch has no length.
    starts = matrix[known][single, 0]
    axes.scatter(np.ones(len(starts)), starts, s=8, c=rates[known][single], cmap=CONTINUOUS, norm=norm)
    axes.autoscale_view()
    seen = matrix[known][np.isfinite(matrix[known])]
    high = float(np.quantile(seen, 0.97))
    if measure.endswith("loss") and seen.max() > 2.5 * high:
        axes.set_ylim(min(float(seen.min()), 0.0), 1.2 * high)
        axes.set_title("cut: some losses lie far above", fontsize=8)
    axes.set(xlabel="epoch", ylabel=label(f"train_{measure}") if measure == "loss" else label(measure))
    whole_ticks(axes)
    return drawn


def learning_rate_figure(results: Results) -> Figure:
    """Return which learning rate is best, and how the loss falls with each."""
    column = _learning_rate_column(results)
    table = expected(results)
    table = table[table[column].notna()]
    if table[column].nunique() < 2 or (table["state"] == "pruned").all():
        raise SearchError(f"{results.names} has no two trials with a {shown(column)}, one of them finished.")
    data, has_curves = slice_of(results, column, table), len(results.epochs) > 0
    with style():
        whole, axes = panels(1 + has_curves, width=5.0)
        draw_learning_rate(axes[0], data, table[column].astype(float), results.mode)
        axes[0].set(xlabel=shown(column).replace("_", " "), ylabel=label(results.metric))
        if has_curves:
            drawn = draw_loss_by_rate(axes[1], results, column)
            bar = whole.colorbar(drawn, ax=axes[1], label=shown(column).replace("_", " "), aspect=30)
            ticks = np.geomspace(*drawn.get_clim(), 4).tolist()
            bar.set_ticks(ticks, labels=[f"{tick:.2g}" for tick in ticks], minor=False)
            bar.minorticks_off()
        legend(whole, axes[:1])
        done = table[table["state"] == "complete"]
        title(whole, f"Configurations ({describe_runs(done)}){crosses(data.pruned)}", *edge(data, results))
    return whole


def unfreeze_figure(results: Results) -> Figure:
    """Return the metric against the depth of unfreezing, with each depth's mean; – is a configuration without one."""
    column = "config.unfreeze_depth"
    if column not in results.varied:
        raise SearchError(f"{results.names} did not vary unfreeze_depth.")
    table = expected(results)
    depths = table.assign(**{column: table[column].astype(object)})
    data = slice_of(results, column, depths)
    with style():
        whole, (axes,) = panels(width=6.0, height=4.0)
        draw_slice(axes, data, results.mode)
        axes.set(xlabel="last layers (or block) that were unfrozen", ylabel=label(results.metric))
        legend(whole, [axes])
        done = table[table["state"] == "complete"]
        title(whole, f"Configurations ({describe_runs(done)}){crosses(data.pruned)}", *edge(data, results))
    return whole
