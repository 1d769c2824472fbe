"""A search in MLflow: an experiment with a run for each trial, on the server or store that MLflow's variables name."""

from __future__ import annotations

import logging
import time
from collections.abc import Container
from datetime import datetime
from pathlib import Path
from typing import Any

from search.experiment.states import TrialState
from search.experiment.trackers.tracker import Row, Tracker, by_epoch, measured, settings

STATUS = {TrialState.COMPLETE: "FINISHED", TrialState.PRUNED: "KILLED", TrialState.FAILED: "FAILED"}
"""MLflow's word for each state: what was ended early was killed, and has not failed."""
TRIAL = "trial_id"
"""The tag by which a run is found again."""
AT_BEST = "best."


class Mlflow(Tracker):
    """Writes by MLflow's client; runs of an earlier time are gone on with, by their tag."""

    def __init__(self, name: str) -> None:
        super().__init__()
        # It takes seconds, and is an extra.
        from mlflow import MlflowClient  # noqa: PLC0415
        from mlflow.entities import Metric, Param, RunTag  # noqa: PLC0415

        for logger in ("mlflow", "alembic"):
            logging.getLogger(logger).setLevel(logging.ERROR)
        self._metric, self._param, self._tag = Metric, Param, RunTag
        self._client: Any = MlflowClient()
        known = self._client.get_experiment_by_name(name)
        self._experiment = known.experiment_id if known is not None else self._client.create_experiment(name)
        self._runs: dict[str, str] = {}
        self._running: set[str] = set()
        self._cut_off: dict[str, Any] = {}
        """Runs of an earlier time that have not ended, as they were then, by trial."""
        self._logged: dict[str, int] = {}
        """The last epoch that such a run has."""
        token = None
        while True:
            page = self._client.search_runs([self._experiment], page_token=token)
            of_trials = [run for run in page if TRIAL in run.data.tags]
            self._runs |= {run.data.tags[TRIAL]: run.info.run_id for run in of_trials}
            ended = {run.data.tags[TRIAL] for run in of_trials if run.data.tags.get("state") in STATUS}
            self._ended |= ended
            self._cut_off |= {name: run for run in of_trials if (name := run.data.tags[TRIAL]) not in ended}
            token = page.token
            if not token:
                break

    def begin(self, row: Row) -> None:
        """Make the run of the trial, or open it again."""
        trial_id, started = row["trial_id"], row.get("started_at")
        if trial_id not in self._runs:
            tags = {TRIAL: trial_id, "state": str(TrialState.RUNNING)}
            run = self._client.create_run(self._experiment, _milliseconds(started), tags, run_name=trial_id)
            self._runs[trial_id] = run.info.run_id
            self._log_settings(row, known=())
        else:
            self._client.update_run(self._runs[trial_id], status="RUNNING")
            if (before := self._cut_off.pop(trial_id, None)) is not None:
                self._log_settings(row, known=before.data.params)
                self._logged[trial_id] = self._last_epoch(before)
        self._running.add(trial_id)

    def _log_settings(self, row: Row, known: Container[str]) -> None:
        params = [self._param(name, str(value)) for name, value in settings(row).items() if name not in known]
        self._client.log_batch(self._runs[row["trial_id"]], params=params)

    def _last_epoch(self, run: Any) -> int:
        """The last epoch that a run has; all that was measured in an epoch is logged at once."""
        name = next((name for name in run.data.metrics if not name.startswith(AT_BEST)), None)
        history = self._client.get_metric_history(run.info.run_id, name) if name is not None else ()
        return max((one.step for one in history), default=0)

    def epoch(self, row: Row) -> None:
        """Log what was measured in an epoch, once: a curve in MLflow keeps every point that it is given."""
        if int(row["epoch"]) > self._logged.get(row["trial_id"], 0):
            self._log(row["trial_id"], by_epoch(row), int(row["epoch"]))

    def _log(self, trial_id: str, values: dict[str, float], step: int) -> None:
        now = _milliseconds(None)
        metrics = [self._metric(name, value, now, step) for name, value in values.items()]
        self._client.log_batch(self._runs[trial_id], metrics=metrics)

    def end(self, row: Row) -> None:
        """Log the values that decide, how the trial ended, and why it failed."""
        trial_id, run_id = row["trial_id"], self._runs[row["trial_id"]]
        self._log(trial_id, {AT_BEST + name: value for name, value in measured(row).items()}, int(row["epochs"] or 0))
        told = {name: str(row[name]) for name in ("state", "error", "violates", "worker") if row.get(name)}
        self._client.log_batch(run_id, tags=[self._tag(name, text) for name, text in told.items()])
        self._client.set_terminated(run_id, STATUS[row["state"]], _milliseconds(row.get("finished_at")))
        self._running.discard(trial_id)

    def close(self, best: str | None, model: Path | None) -> None:
        """Leave no run that seems to run, and put the best model beside its run."""
        for trial_id in self._running:
            self._client.set_tag(self._runs[trial_id], "state", str(TrialState.INTERRUPTED))
            self._client.set_terminated(self._runs[trial_id], "KILLED")
        if best is not None and best in self._runs:
            self._client.set_tag(self._runs[best], "best", "true")
            if model is not None:
                self._client.log_artifact(self._runs[best], str(model), "model")


def _milliseconds(moment: datetime | None) -> int:
    return int(1000 * (time.time() if moment is None else moment.timestamp()))
