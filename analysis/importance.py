"""Which parameters mattered: Optuna's importance, for conditional spaces too. The only module that knows Optuna."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import optuna
import pandas as pd
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.importance import FanovaImportanceEvaluator

from analysis.columns import shown
from analysis.configurations import configurations
from analysis.load import Results
from search.errors import SearchError

LEAST = 10
"""Configurations below which no importance is computed: it would describe the noise."""
MOST = 1000
"""Configurations that are looked at; of more, a seeded sample."""


def importance(results: Results, seed: int = 0) -> pd.DataFrame:
    """Share of the metric's variation that each parameter explains, largest first.

    Functional analysis of variance over a random forest: Hutter, Hoos and Leyton-Brown, "An Efficient Approach for
    Assessing Hyperparameter Importance" (ICML 2014), as Optuna computes it, over the mean of each configuration.
    A conditional parameter is judged among the configurations that have it, with what they all have. Columns:
    `parameter, importance, configurations, where` (the condition in words, empty for none). Raises SearchError for
    fewer than LEAST configurations, or where nothing varied. Pruned trials have no final value and are left out, so
    that what made trials bad early on is under-rated.
    """
    table = configurations(results)
    table = table[np.isfinite(table["mean"].astype(float))]
    names = [name for name in results.varied if table[name].nunique() > 1]
    if len(table) < LEAST:
        raise SearchError(
            f"{results.told} has {len(table)} finished configurations; importance needs at least {LEAST} to say more "
            "than noise."
        )
    if not names:
        raise SearchError(f"{results.told} has no parameter with two values among its finished trials.")
    if len(table) > MOST:
        table = table.sample(MOST, random_state=seed)
    rows = [_row(results, table, name, names, seed) for name in names]
    frame = pd.DataFrame([row for row in rows if row], columns=["parameter", "importance", "configurations", "where"])
    return frame.sort_values("importance", ascending=False, kind="stable").reset_index(drop=True)


def _row(results: Results, table: pd.DataFrame, name: str, names: list[str], seed: int) -> dict[str, object] | None:
    """One parameter among the configurations that have it; None where those are too few or all alike."""
    active = table[table[name].notna()]
    if len(active) < LEAST or active["mean"].nunique() < 2:
        return None
    together = tuple(n for n in names if active[n].notna().all() and active[n].nunique() > 1)
    when = results.parameter(name).get("when") or {}
    words = ", ".join(f"{parent}={'|'.join(map(str, values))}" for parent, values in when.items())
    shares = _evaluate(results, active, together, seed)
    where = words if len(active) < len(table) else ""
    return {"parameter": shown(name), "importance": shares[name], "configurations": len(active), "where": where}


def _evaluate(results: Results, table: pd.DataFrame, names: tuple[str, ...], seed: int) -> Mapping[str, float]:
    distributions = {name: _distribution(results.parameter(name), table[name]) for name in names}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        study = optuna.create_study(direction="maximize" if results.mode == "max" else "minimize")
        study.add_trials([_trial(row, distributions) for _, row in table.iterrows()])
        evaluator = FanovaImportanceEvaluator(seed=seed)
        return optuna.importance.get_param_importances(study, evaluator=evaluator, params=list(names))


def _trial(row: pd.Series, distributions: Mapping[str, BaseDistribution]) -> optuna.trial.FrozenTrial:
    params = {name: _plain(row[name], distribution) for name, distribution in distributions.items()}
    return optuna.create_trial(value=float(row["mean"]), params=params, distributions=dict(distributions))


def _plain(value: Any, distribution: BaseDistribution) -> Any:
    if isinstance(distribution, CategoricalDistribution):
        return str(value)
    return int(value) if isinstance(distribution, IntDistribution) else float(value)


def _distribution(declared: Mapping[str, Any], values: pd.Series) -> BaseDistribution:
    """The range that was searched; where it was not declared, the range or the values that occur."""
    numeric = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    if not numeric or declared.get("kind") == "Choice":
        return CategoricalDistribution(sorted(map(str, values.unique())))
    low, high = float(values.min()), float(values.max())
    if declared:
        low, high = min(low, float(declared["low"])), max(high, float(declared["high"]))
    log = bool(declared.get("log"))
    if pd.api.types.is_integer_dtype(values):
        return IntDistribution(int(low), int(high), log=log)
    return FloatDistribution(low, high, log=log)
