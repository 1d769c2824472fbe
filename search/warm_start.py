"""What earlier searches know: trials of this project's experiments, of Optuna's studies, of KerasTuner's projects.

The sampler learns from them; they are no trials of the search, and stand in none of its tables.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from search.errors import SearchError
from search.experiment.existing import is_experiment
from search.experiment.manifest import read_manifest
from search.experiment.schema import CONFIG_PREFIX, read_epochs, read_trials
from search.experiment.states import TrialState
from search.sampling import Finished
from search.sampling.journal import read_study
from search.sampling.translation import translate
from search.space import Config, Space
from search.space.parameters import placed

_ORACLE = "oracle.json"
"""Where KerasTuner keeps what it knows of a project."""


@dataclass(frozen=True)
class Known:
    """Earlier trials as a sampler over a space can learn from them."""

    trials: tuple[Finished, ...]
    outside: int
    """How many others have no place in the space."""


def read_known(addresses: Iterable[str], space: Space) -> Known:
    """The earlier trials at these places; raises SearchError for a place that holds none, or another metric.

    A place is the folder of an experiment, a KerasTuner project's folder, or an Optuna storage: the path of a journal
    or a SQLite file, or a database's address, with `#NAME` behind it where it holds several studies.
    """
    found = [trial for address in addresses for trial in _read(address, space)]
    inside = [trial for trial in (_inside(trial, space) for trial in found) if trial is not None]
    return Known(tuple(inside), len(found) - len(inside))


def _read(address: str, space: Space) -> list[Finished]:
    path = Path(address)
    if is_experiment(path):
        return _of_experiment(path, space)
    if (path / _ORACLE).is_file():
        return _of_keras_tuner(path, space)
    if path.is_dir():
        raise SearchError(
            f"--warm-start {address} is neither an experiment (manifest.json) nor a project of KerasTuner ({_ORACLE})."
        )
    return [
        Finished(_state(state), values if space.objectives or not values else values[0], config, reports)
        for state, values, config, reports in read_study(address, space.goals.directions)
    ]


def _state(state: str) -> Any:
    return "failed" if state == "fail" else state


def _of_experiment(path: Path, space: Space) -> list[Finished]:
    """Its trials but those that went on with another's training: theirs are not the results of their settings."""
    manifest = read_manifest(path)
    fixed = manifest.get("space", {}).get("fixed", {})
    rows = [r for r in read_trials(path).table.to_pylist() if r["state"] != TrialState.RUNNING]
    rows = [row for row in rows if row.get("repeat_of") is None and row.get("parent") is None]
    for name in space.goals.directions:
        if rows and not any(row.get(name) is not None for row in rows):
            raise SearchError(f"--warm-start {path} has no metric {name!r}; expected a search that measured it.")
    reports: dict[str, dict[int, float]] = defaultdict(dict)
    for row in read_epochs(path).table.to_pylist():
        if row.get(space.metric) is not None:
            reports[row["trial_id"]][row["epoch"]] = row[space.metric]
    return [
        Finished(
            row["state"],
            space.goals.judged_by(row),
            {**fixed, **_settings(row)},
            reports[row["trial_id"]],
            excess=space.goals.excess(row),
        )
        for row in rows
    ]


def _settings(row: Mapping[str, Any]) -> dict[str, Any]:
    return {n.removeprefix(CONFIG_PREFIX): v for n, v in row.items() if n.startswith(CONFIG_PREFIX)}


def _of_keras_tuner(path: Path, space: Space) -> list[Finished]:
    """Its completed trials: the best value that it has of the metric."""
    if space.objectives:
        raise SearchError(f"--warm-start {path}: a project of KerasTuner has one metric, and the space has several.")
    found, others = [], set[str]()
    for file in sorted(path.glob("trial_*/trial.json")):
        try:
            trial = json.loads(file.read_text(encoding="utf-8"))
            values, metrics = trial["hyperparameters"]["values"], trial["metrics"]["metrics"]
            if trial["status"] not in ("COMPLETED", "FAILED", "INVALID"):
                continue
        except (OSError, ValueError, KeyError, TypeError):
            raise SearchError(f"{file} cannot be read; expected a trial of KerasTuner.") from None
        config = {name: value for name, value in values.items() if not name.startswith("tuner/")}
        if trial["status"] != "COMPLETED":
            found.append(Finished("failed", None, config))
        elif space.metric in metrics:
            best = max if space.mode == "max" else min
            seen = [float(v) for one in metrics[space.metric]["observations"] for v in one["value"]]
            found.append(Finished("complete", best(seen), config))
        else:
            others |= set(metrics)
    if others and not any(trial.value is not None for trial in found):
        raise SearchError(f"--warm-start {path} has no metric {space.metric!r}, but {', '.join(sorted(others))}.")
    return found


def _inside(trial: Finished, space: Space) -> Finished | None:
    """The trial with its configuration as the space has it; None where that is outside of the space."""
    config = _placed(trial.config, space) if space.declared else dict(trial.config)
    if config is None or not translate(space).store(config)[0]:
        return None
    return replace(trial, config=config)


def _placed(values: Mapping[str, object], space: Space) -> Config | None:
    config: Config = {}
    for name, parameter in space.parameters.items():
        if not space.is_active(name, config):
            continue
        try:
            config[name] = placed(parameter, values[name])
        except (KeyError, ValueError):
            return None
    return config
