"""Finds which parameters mattered: Optuna's importance, for conditional spaces too. Only this module knows Optuna."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.load import Results
from analysis.numbers.expected import expected
from search.errors import SearchError
from search.experiment.schema import shown
from search.wording import counted

with warnings.catch_warnings():
    # In a notebook tqdm, which Optuna brings for progress bars, asks for widgets that nothing here would use.
    warnings.simplefilter("ignore")
    import optuna
    from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
    from optuna.importance import FanovaImportanceEvaluator

LEAST = 10
"""Number of configurations below which no importance is computed, because it would describe the noise."""
MOST = 400
"""Number of configurations that are looked at; of more, a seeded sample is."""

MOST_WORDS = 40
"""Number of different texts of one parameter above which it is left out."""


def importance(results: Results, seed: int = 0, trees: int = 64) -> pd.DataFrame:
    """Return the share of the metric's variation that each parameter explains, largest first.

    This is a functional analysis of variance over a random forest: Hutter, Hoos and Leyton-Brown, "An Efficient
    Approach for Assessing Hyperparameter Importance" (ICML 2014), as Optuna computes it. It takes the mean of each
    configuration, and the value that a pruned one would be expected to end with (`analysis.numbers.expected`): those
    that a stopping rule left over are alike in just what made the others bad. A conditional parameter is judged among
    the configurations that have it, with what they all have. The columns are `parameter, importance, configurations,
    pruned` (of those), `where` (the condition in words, empty for none). Raises SearchError for fewer than LEAST
    configurations, or where nothing varied. It takes seconds, and is computed once for the same results.
    """
    return _importance(results, seed, trees).copy()


@lru_cache(maxsize=4)
def _importance(results: Results, seed: int, trees: int) -> pd.DataFrame:
    table = expected(results)
    table = table[np.isfinite(table["value"])]
    names = [name for name in results.varied if table[name].nunique() > 1 and not _is_label(table[name])]
    if len(table) < LEAST:
        raise SearchError(
            f"{results.names} has {len(table)} configurations that were trained; importance needs at least {LEAST} to "
            "say more than noise."
        )
    if not names:
        raise SearchError(f"{results.names} has no parameter with two values among its trials.")
    if len(table) > MOST:
        table = table.sample(MOST, random_state=seed)
    rows = []
    for active in dict.fromkeys(tuple(table[name].notna()) for name in names):
        rows += _together(results, table, names, np.array(active), (seed, trees))
    frame = pd.DataFrame(rows, columns=["parameter", "importance", "configurations", "pruned", "where"])
    return frame.sort_values("importance", ascending=False, kind="stable").reset_index(drop=True)


def _is_label(values: pd.Series) -> bool:
    """Return whether a text has so many values that it names configurations rather than a choice among a few."""
    return not pd.api.types.is_numeric_dtype(values) and values.nunique() > MOST_WORDS


def _together(
    results: Results, table: pd.DataFrame, names: list[str], active: NDArray[np.bool_], forest: tuple[int, int]
) -> list[tuple[str, float, int, int, str]]:
    """Return the parameters that just these configurations have; none where those are too few or all alike."""
    part = table[active]
    if len(part) < LEAST or part["value"].nunique() < 2:
        return []
    known = tuple(name for name in names if part[name].notna().all() and part[name].nunique() > 1)
    own = [name for name in known if (table[name].notna().to_numpy() == active).all()]
    shares = _evaluate(results, part, known, forest) if own else {}
    pruned = int((part["state"] == "pruned").sum())
    return [
        (shown(name), shares[name], len(part), pruned, "" if active.all() else _condition(results, name))
        for name in own
    ]


def on_what(table: pd.DataFrame) -> str:
    """Return in words over which configurations the table of `importance` was computed."""
    row = table.iloc[int(table["configurations"].to_numpy().argmax())]
    told = counted(int(row["configurations"]), "configuration")
    return f"{told}, {row['pruned']} of them pruned and taken as they would end" if row["pruned"] else told


def _condition(results: Results, name: str) -> str:
    when = results.parameter(name).get("when") or {}
    return ", ".join(f"{parent}={'|'.join(map(str, values))}" for parent, values in when.items()) or "it is active"


def _evaluate(
    results: Results, table: pd.DataFrame, names: tuple[str, ...], forest: tuple[int, int]
) -> Mapping[str, float]:
    distributions = {name: _distribution(results.parameter(name), table[name]) for name in names}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        study = optuna.create_study(direction="maximize" if results.mode == "max" else "minimize")
        study.add_trials([_trial(row, distributions) for _, row in table.iterrows()])
        evaluator = FanovaImportanceEvaluator(seed=forest[0], n_trees=forest[1])
        return optuna.importance.get_param_importances(study, evaluator=evaluator, params=list(names))


def _trial(row: pd.Series, distributions: Mapping[str, BaseDistribution]) -> optuna.trial.FrozenTrial:
    params = {name: _plain(row[name], distribution) for name, distribution in distributions.items()}
    return optuna.create_trial(value=float(row["value"]), params=params, distributions=dict(distributions))


def _plain(value: Any, distribution: BaseDistribution) -> Any:
    if isinstance(distribution, CategoricalDistribution):
        return str(value)
    return int(value) if isinstance(distribution, IntDistribution) else float(value)


def _distribution(declared: Mapping[str, Any], values: pd.Series) -> BaseDistribution:
    """Return the range that was searched, or, where none was declared, that of the values, or the texts that occur."""
    numeric = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    if not numeric:
        return CategoricalDistribution(sorted(map(str, values.unique())))
    low, high = float(values.min()), float(values.max())
    if "low" in declared and "high" in declared:
        low, high = min(low, float(declared["low"])), max(high, float(declared["high"]))
    log = bool(declared.get("log"))
    if pd.api.types.is_integer_dtype(values):
        return IntDistribution(int(low), int(high), log=log)
    return FloatDistribution(low, high, log=log)
