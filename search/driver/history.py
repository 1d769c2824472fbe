"""What an earlier run of the same experiment has stored, as a resumed search takes it in."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from search.driver.rows import said_of
from search.driver.trials import EndedTrial
from search.experiment.folder import Experiment
from search.experiment.schema import CONFIG_PREFIX, read_epochs, read_trials
from search.experiment.states import TrialState
from search.sampling import Finished
from search.sampling.declared import Translation
from search.sampling.translation import translate
from search.space import Space
from search.trial.messages import Parent


@dataclass(frozen=True)
class History:
    """What the tables of an experiment tell of its trials."""

    finished: dict[str, Finished]
    """First runs that have ended, by trial id, as the study takes them in."""
    ended: list[EndedTrial]
    """Every trial that has ended, repeats too, in the order in which they ended."""
    reports: list[tuple[str, int, float]]
    """(trial id, epoch, value) of first runs that have ended and not failed, in the order in which they ended."""
    running: dict[str, dict[str, object]]
    """Parameters of first runs that were cut off, or failed and are to be run again, by trial id."""
    begun: set[str]
    """Trials that were cut off, repeats too: they may have left checkpoints."""
    parents: dict[str, Parent] = field(default_factory=dict)
    """Whose training a trial of `running` goes on with, by its id."""
    reached: dict[str, int] = field(default_factory=dict)
    """The last stored epoch of each trial."""
    epochs: int = 0
    """Epochs that first runs have trained, those that were cut off or failed too."""


def read_history(experiment: Experiment, space: Space, retry_failed: bool) -> History:
    """Read the tables; with `retry_failed`, failed trials count as not yet run."""
    trials, epochs = read_trials(experiment.root), read_epochs(experiment.root)
    values: dict[str, dict[int, float]] = defaultdict(dict)
    if space.metric in epochs.table.column_names:
        columns = [epochs.table[name].to_pylist() for name in ("trial_id", "epoch", space.metric)]
        for trial_id, epoch, value in zip(*columns, strict=True):
            if value is not None:
                values[trial_id][epoch] = value
    rows = trials.table.to_pylist()
    history = History({}, [], [], {}, set(), epochs=_epochs_of_first_runs(rows, epochs.table))
    history.reached.update({trial_id: max(by_epoch) for trial_id, by_epoch in values.items()})
    translation = translate(space)
    for row in sorted(rows, key=lambda row: str(row.get("finished_at"))):
        trial_id, first_run = row["trial_id"], row.get("repeat_of") is None
        if row["state"] == TrialState.RUNNING:
            history.begun.add(trial_id)
        if row["state"] == TrialState.RUNNING or (retry_failed and row["state"] == TrialState.FAILED):
            if first_run:
                history.running[trial_id] = _settings(row)
                if (parent := parent_of(row)) is not None:
                    history.parents[trial_id] = parent
            continue
        ended = _ended(row, _configuration(row, space, translation), row.get(space.metric))
        history.ended.append(ended)
        if first_run:
            goals, reports = space.goals, values.get(trial_id, {})
            judged = goals.judged_by(row)
            history.finished[trial_id] = Finished(
                row["state"], judged, ended.config, reports, said_of(row), goals.excess(row)
            )
        if first_run and ended.state is not TrialState.FAILED:
            history.reports.extend((trial_id, epoch, value) for epoch, value in sorted(values[trial_id].items()))
    return history


def parent_of(row: Mapping[str, Any]) -> Parent | None:
    """Whose training the trial of a row of the table goes on with."""
    parent = row.get("parent")
    return None if parent is None else Parent(str(parent), int(row["parent_epoch"]))


def ended_trials(root: Path, metric: str) -> list[EndedTrial]:
    """The trials of an experiment that have ended, as its table has them: options may be texts, a list is one."""
    rows = read_trials(root).table.to_pylist()
    over = [row for row in rows if row["state"] != TrialState.RUNNING]
    return [_ended(row, _active(_settings(row)), row.get(metric)) for row in over]


def _configuration(row: dict[str, object], space: Space, translation: Translation) -> dict[str, object]:
    """The configuration of a row, what no table of parameters showed among it."""
    settings = _settings(row)
    shown_late = {name: value for name, value in settings.items() if space.declared and name not in space.parameters}
    return {**_active(shown_late), **translation.read(settings)}


def configuration_of(row: Mapping[str, object], space: Space) -> dict[str, object]:
    """The configuration of a row of the table, with options and numbers as the space has them."""
    return _configuration(dict(row), space, translate(space))


def _active(settings: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in settings.items() if value is not None}


def _epochs_of_first_runs(trials: list[dict[str, Any]], epochs: pa.Table) -> int:
    repeats = {row["trial_id"] for row in trials if row.get("repeat_of") is not None}
    return sum(trial_id not in repeats for trial_id in epochs["trial_id"].to_pylist()) if epochs.num_rows else 0


def _ended(row: dict[str, Any], config: dict[str, object], value: float | None) -> EndedTrial:
    return EndedTrial(
        trial_id=row["trial_id"],
        number=row["number"],
        state=TrialState(row["state"]),
        value=value,
        config=config,
        repeat_of=row.get("repeat_of"),
        row=row,
    )


def _settings(row: dict[str, object]) -> dict[str, object]:
    return {name.removeprefix(CONFIG_PREFIX): value for name, value in row.items() if name.startswith(CONFIG_PREFIX)}
