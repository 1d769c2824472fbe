"""Groups trials by configuration: the runs over seeds, their mean, their interval, and which others tie."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import pandas as pd

from analysis.load import Results
from analysis.statistics import Comparison, bootstrap, difference, iqm, paired, pooled_deviation, wilson
from analysis.stored.source import StoredExperiment
from analysis.wording.columns import measured
from search.experiment.schema import CONFIG_PREFIX

EVALUATION = f"{CONFIG_PREFIX}evaluation_size"
"""The column of the setting that limits how many images validation and test have."""


def with_configuration(results: Results, trials: pd.DataFrame) -> pd.DataFrame:
    """Return the trials with a column `configuration`, which holds the key of the first run, for repeats too."""
    if "repeat_of" not in trials or not trials["repeat_of"].notna().any():
        return trials.assign(configuration=trials["key"])
    known = trials["repeat_of"].isin(results.trials["trial_id"])  # One that names no known trial repeats nothing.
    first = trials["repeat_of"].where(known, trials["trial_id"]).astype(str)
    alone = len(results.sources) == 1
    key = first if alone else trials["experiment"].astype(str) + "/" + first
    return trials.assign(configuration=key)


def configurations(results: Results, metric: str | None = None) -> pd.DataFrame:
    """Return one row for each configuration with a complete run, best validation first, ties to the lower number.

    The index is `configuration`. The columns are those of its first run, but everything measured is the mean over its
    runs. Added are `runs`, and `mean, std, low, high, iqm` of the metric (bootstrap over seeds, or the binomial
    interval on the images for a single accuracy); `test, test_low, test_high` likewise, where the test accuracy is
    known; and `seconds`, the mean time of training. With several objectives `on_front` says which no other dominates,
    and these come first, the best by the first objective on top. Every number of a configuration in a table, figure or
    sentence comes from here.
    """
    return _configurations(results, metric or results.metric).copy()


@lru_cache(maxsize=8)
def _configurations(results: Results, metric: str) -> pd.DataFrame:
    runs = with_configuration(results, results.complete())
    runs = runs.assign(_again=runs["configuration"] != runs["key"])  # A repeat has its first run's number.
    runs = runs.sort_values(["number", "_again"], kind="stable").drop(columns="_again")
    grouped = runs.groupby("configuration", sort=False)
    first = runs.drop_duplicates("configuration").set_index("configuration")
    table = first.assign(runs=grouped.size(), **{name: grouped[name].mean() for name in measured(runs)})
    table = table.join(_summary(runs, metric, image_counts(results, metric, first)))
    if "test_accuracy" in runs:
        test = _summary(runs, "test_accuracy", image_counts(results, "test_accuracy", first))[["mean", "low", "high"]]
        table = table.join(test.set_axis(["test", "test_low", "test_high"], axis=1))
    if "train_seconds" in runs:
        table["seconds"] = table["train_seconds"]
    table = table.sort_values(["mean", "number"], ascending=[results.mode == "min", True], kind="stable")
    return _front_first(results, table)


def _front_first(results: Results, table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with the front of several objectives on top, as `on_front` says."""
    goals = results.goals
    if not goals.objectives or not set(goals.objectives) <= set(table):
        return table
    known = table[[*goals.objectives]].dropna().astype(float)
    front = goals.front({str(key): tuple(row) for key, row in zip(known.index, known.to_numpy(), strict=True)})
    rest = [key for key in table.index if key not in set(front)]
    return table.assign(on_front=table.index.isin(front)).loc[[*front, *rest]]


def _summary(runs: pd.DataFrame, metric: str, images: pd.Series | None) -> pd.DataFrame:
    """Return mean, spread and interval of a metric for each configuration; `images`: behind each, by configuration."""
    grouped = runs.groupby("configuration", sort=False)[metric]
    table = pd.DataFrame({"mean": grouped.mean(), "std": grouped.std(), "low": np.nan, "high": np.nan})
    table["iqm"] = table["mean"]
    sizes = grouped.size()
    if images is not None:
        single = sizes.index[(sizes == 1) & (images > 0) & table["mean"].between(0, 1)]
        low, high = wilson(table.loc[single, "mean"], images[single].astype(float))
        table.loc[single, "low"], table.loc[single, "high"] = low, high
    repeated = runs[runs["configuration"].isin(sizes.index[sizes > 1])]
    for name, values in repeated.groupby("configuration", sort=False)[metric]:
        interval = bootstrap(values.dropna())
        table.loc[name, ["low", "high", "iqm"]] = interval.low, interval.high, iqm(values.dropna())
    return table


def describe_runs(table: pd.DataFrame) -> str:
    """Return in words what the numbers of some configurations are: single runs, or means over how many seeds."""
    most, several = int(table["runs"].max()), int((table["runs"] > 1).sum())
    if not several:
        return "one run each" if len(table) > 1 else "one run"
    if table["runs"].nunique() == 1:
        return f"means over {most} seeds" if len(table) > 1 else f"mean over {most} seeds"
    if several == len(table):
        return f"means over {int(table['runs'].min())} to {most} seeds"
    return f"means over up to {most} seeds for {several} of {len(table)}, one run of the others"


def image_counts(results: Results, metric: str, trials: pd.DataFrame) -> pd.Series | None:
    """Return the number of images behind an accuracy of each of these trials, or of configurations by their first one.

    It is 0 where it is not known; None for other metrics, or where it is known of none.
    """
    if metric not in ("val_accuracy", "test_accuracy"):
        return None
    counts = {source.name: _images(source, metric) for source in results.sources}
    images = trials["experiment"].map(counts).astype(float)
    if EVALUATION in trials:  # A setting that the search varies.
        most = pd.to_numeric(trials[EVALUATION], errors="coerce").astype(float)
        images = images.where(~(most > 0) | (images < most), most)
    return images.astype(int) if images.any() else None


def _images(source: StoredExperiment, metric: str) -> int:
    """Return on how many images of a split its accuracy was computed: all, or as many as `evaluation_size` left."""
    dataset = source.dataset
    count = 0 if dataset is None else dataset.num_test if metric == "test_accuracy" else dataset.num_validation
    most = source.space.fixed.get("evaluation_size")
    return min(count, most) if isinstance(most, int) and most > 0 else count


def compare(results: Results, left: str, right: str, metric: str | None = None) -> Comparison:
    """Compare two configurations (keys of their first runs) in a metric, by default the one that chooses.

    They are paired where they share at least two seeds, and otherwise judged by the noise of repeats and of the images.
    """
    return _Comparer(results, metric or results.metric).compare(left, right)


def verdicts(results: Results, table: pd.DataFrame, top: int = 50) -> pd.DataFrame:
    """Compare the `top` configurations with the best: difference, interval, basis, and `tied` (inside the noise)."""
    comparer = _Comparer(results, results.metric)
    best = str(table.index[0])
    rows = [(key, comparer.compare(best, str(key))) for key in table.index[1:top]]
    return pd.DataFrame(
        [(key, c.difference, c.low, c.high, c.basis, c.inside_noise) for key, c in rows],
        columns=["configuration", "difference", "low", "high", "basis", "tied"],
    ).set_index("configuration")


class _Comparer:
    """The runs of every configuration, and the noise that they show together."""

    def __init__(self, results: Results, metric: str) -> None:
        runs = with_configuration(results, results.complete()).dropna(subset=[metric])
        self._rows = runs.groupby("configuration").indices
        self._values = runs[metric].to_numpy(float)
        self._seeds = runs["seed"].to_numpy(float, na_value=np.nan) if "seed" in runs else None
        self._noise = pooled_deviation([self._values[rows] for rows in self._rows.values()])
        images = image_counts(results, metric, runs)
        self._images = None if images is None else images.to_numpy(int)

    def compare(self, left: str, right: str) -> Comparison:
        one, other = self._rows[left], self._rows[right]
        images = None if self._images is None else int(min(self._images[one[0]], self._images[other[0]])) or None
        if self._seeds is not None and min(len(one), len(other)) >= 2:
            a, b = (pd.Series(self._values[rows], index=self._seeds[rows]) for rows in (one, other))
            a, b = (series[~series.index.duplicated()] for series in (a, b))
            if len(a.index.intersection(b.index)) >= 2:
                return _at_least_an_image(paired(a, b), images)
        return difference(self._values[one], self._values[other], self._noise, images)


def _at_least_an_image(compared: Comparison, images: int | None) -> Comparison:
    """Return the comparison with an interval of at least one image to each side.

    Seeds that agree to the image do not prove anything smaller.
    """
    if not images or compared.high - compared.difference >= 1 / images:
        return compared
    return replace(compared, low=compared.difference - 1 / images, high=compared.difference + 1 / images)
