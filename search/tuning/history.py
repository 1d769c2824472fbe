"""What an earlier run of the same experiment has stored, as a resumed search takes it in."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from search.experiment import CONFIG_PREFIX, Experiment, read_epochs, read_trials
from search.sampling import Finished
from search.sampling.translation import translate
from search.space import Space
from search.tuning.records import Ended


@dataclass(frozen=True)
class History:
    """Ended trials, and the reports of all trials in the order of their epochs."""

    finished: dict[str, Finished]
    """First runs for the study, by trial id."""
    ended: list[Ended]
    """`Ended` of every trial with a final row, repeats too."""
    reports: list[tuple[str, int, float]]
    """(trial id, epoch, value) of ended first runs, in the order in which the trials ended."""
    skipped: tuple[str, ...]
    """Files that could not be read."""


def read_history(experiment: Experiment, space: Space, retry_failed: bool) -> History:
    """Read the tables; failed trials count as not yet run where they are to be run again."""
    trials, epochs = read_trials(experiment.root), read_epochs(experiment.root)
    values: dict[str, dict[int, float]] = defaultdict(dict)
    if space.metric in epochs.table.column_names:
        columns = [epochs.table[name].to_pylist() for name in ("trial_id", "epoch", space.metric)]
        for trial_id, epoch, value in zip(*columns, strict=True):
            if value is not None:
                values[trial_id][epoch] = value
    finished: dict[str, Finished] = {}
    ended: list[Ended] = []
    translation = translate(space)
    for row in sorted(
        trials.table.to_pylist(), key=lambda row: (row.get("finished_at") is None, str(row.get("finished_at")))
    ):
        if row["state"] == "running" or (retry_failed and row["state"] == "failed"):
            continue
        trial_id, config, value = row["trial_id"], translation.read(_settings(row)), row.get(space.metric)
        ended.append(
            Ended(
                trial_id,
                row["number"],
                row["state"],
                value,
                config,
                row.get("repeat_of"),
                row.get("error"),
                row.get("log"),
                row,
            )
        )
        if row.get("repeat_of") is None:
            finished[trial_id] = Finished(row["state"], value, config, values.get(trial_id, {}))
    reports = [
        (t, epoch, f.reports[epoch]) for t, f in finished.items() if f.state != "failed" for epoch in sorted(f.reports)
    ]
    return History(finished, ended, reports, (*trials.skipped, *epochs.skipped))


def _settings(row: dict[str, object]) -> dict[str, object]:
    return {name.removeprefix(CONFIG_PREFIX): value for name, value in row.items() if name.startswith(CONFIG_PREFIX)}
