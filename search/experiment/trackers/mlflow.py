"""A search in MLflow: an experiment with a run for each trial, on the server or store that MLflow's variables name."""

from __future__ import annotations

import logging
import posixpath
import re
import time
from collections.abc import Container, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from search.experiment.states import TrialState
from search.experiment.trackers.tracker import Row, Tracker, by_epoch, measured, settings

STATUS = {TrialState.COMPLETE: "FINISHED", TrialState.PRUNED: "KILLED", TrialState.FAILED: "FAILED"}
"""MLflow's word for each state: what was ended early was killed, and has not failed."""
SEARCH, TRIAL = "search_created_at", "trial_id"
"""The tags by which a run is found again: another search may have the same name, and so the same experiment."""
AT_BEST = "best."
_LONGEST_KEY = 240
"""Characters of a key, of which MLflow takes 250."""


class Mlflow(Tracker):
    """Writes by MLflow's client; runs of an earlier time are gone on with, by their tags."""

    def __init__(self, manifest: Mapping[str, Any]) -> None:
        super().__init__()
        # It takes seconds, and is an extra.
        from mlflow import MlflowClient  # noqa: PLC0415
        from mlflow.entities import Metric, Param, RunTag  # noqa: PLC0415

        for logger in ("mlflow", "alembic"):
            logging.getLogger(logger).setLevel(logging.ERROR)
        self._metric, self._param, self._tag = Metric, Param, RunTag
        self._client: Any = MlflowClient()
        self._search, name = str(manifest.get("created_at")), manifest["name"]
        known = self._client.get_experiment_by_name(name)
        self._experiment = known.experiment_id if known is not None else self._client.create_experiment(name)
        self._runs: dict[str, str] = {}
        self._running: set[str] = set()
        self._cut_off: dict[str, Any] = {}
        """Runs of an earlier time that have not ended, as they were then, by trial."""
        self._was_best: set[str] = set()
        for run in self._of_earlier():
            trial_id, state = run.data.tags[TRIAL], run.data.tags.get("state")
            self._runs[trial_id] = run.info.run_id
            if state in STATUS:
                self._ended[trial_id] = state
            else:
                self._cut_off[trial_id] = run
            if "best" in run.data.tags:
                self._was_best.add(trial_id)

    def _of_earlier(self) -> Iterator[Any]:
        """The runs that there are of this search."""
        token = None
        while True:
            page = self._client.search_runs([self._experiment], f"tags.{SEARCH} = '{self._search}'", page_token=token)
            yield from (run for run in page if TRIAL in run.data.tags)
            token = page.token
            if not token:
                return

    def begin(self, row: Row, again: bool) -> int:
        """Make the run of the trial, or open it again; a curve in MLflow keeps every point that it is given."""
        trial_id, started = row["trial_id"], row.get("started_at")
        self._running.add(trial_id)
        if again:
            self._client.delete_run(self._runs.pop(trial_id))
        if trial_id in self._runs:
            before = self._cut_off.pop(trial_id)
            self._client.update_run(self._runs[trial_id], status="RUNNING")
            self._log_settings(row, known=before.data.params)
            return self._last_epoch(before)
        tags = {SEARCH: self._search, TRIAL: trial_id, "state": str(TrialState.RUNNING)}
        run = self._client.create_run(self._experiment, _milliseconds(started), tags, run_name=trial_id)
        self._runs[trial_id] = run.info.run_id
        self._log_settings(row, known=())
        return 0

    def _log_settings(self, row: Row, known: Container[str]) -> None:
        values = settings(row)
        params = [self._param(key, str(values[name])) for name, key in _keys(values).items() if key not in known]
        self._client.log_batch(self._runs[row["trial_id"]], params=params)

    def _last_epoch(self, run: Any) -> int:
        """The last epoch that a run has; all that was measured in an epoch is logged at once."""
        name = next((name for name in run.data.metrics if not name.startswith(AT_BEST)), None)
        history = self._client.get_metric_history(run.info.run_id, name) if name is not None else ()
        return max((one.step for one in history), default=0)

    def epoch(self, row: Row) -> None:
        """Log what was measured in an epoch."""
        self._log(row["trial_id"], by_epoch(row), int(row["epoch"]))

    def _log(self, trial_id: str, values: dict[str, float], step: int) -> None:
        now = _milliseconds(None)
        metrics = [self._metric(key, values[name], now, step) for name, key in _keys(values).items()]
        self._client.log_batch(self._runs[trial_id], metrics=metrics)

    def end(self, row: Row) -> None:
        """Log the values that decide, how the trial ended, and why it failed."""
        trial_id, run_id = row["trial_id"], self._runs[row["trial_id"]]
        self._log(trial_id, {AT_BEST + name: value for name, value in measured(row).items()}, int(row["epochs"] or 0))
        told = {name: str(row[name]) for name in ("state", "error", "violates", "worker") if row.get(name)}
        # The state is told last: whoever is killed before that finds the run cut off, and ends it again.
        self._client.set_terminated(run_id, STATUS[row["state"]], _milliseconds(row.get("finished_at")))
        self._client.log_batch(run_id, tags=[self._tag(name, text) for name, text in told.items()])
        self._running.discard(trial_id)

    def close(self, best: str | None, model: Path | None) -> None:
        """Leave no run that seems to run, and put the best model beside its run."""
        for trial_id in self._running:
            self._client.set_tag(self._runs[trial_id], "state", str(TrialState.INTERRUPTED))
            self._client.set_terminated(self._runs[trial_id], "KILLED")
        for trial_id in self._was_best & self._runs.keys() - {best}:
            self._client.delete_tag(self._runs[trial_id], "best")
        if best is not None and best in self._runs:
            self._client.set_tag(self._runs[best], "best", "true")
            if model is not None:
                self._client.log_artifact(self._runs[best], str(model), "model")


def _keys(names: Iterable[str]) -> dict[str, str]:
    """The key of each name, which may have any characters: MLflow takes letters, digits, and a few others."""
    keys: dict[str, str] = {}
    for name in names:
        plain = posixpath.normpath(re.sub(r"[^/\w.\- :]", "_", name)).lstrip("/")[:_LONGEST_KEY]
        key = "_" if plain in ("", ".") or plain.startswith("..") else plain
        while key in keys.values():
            key += "_"
        keys[name] = key
    return keys


def _milliseconds(moment: datetime | None) -> int:
    return int(1000 * (time.time() if moment is None else moment.timestamp()))
