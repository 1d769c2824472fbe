"""One trial of an experiment that has ended, its model and what was measured of it, read from the folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from search.driver.history import ended_trials, parent_of
from search.driver.ranking import ranked
from search.errors import SearchError
from search.experiment.schema import CONFIG_PREFIX, read_epochs, read_trials
from search.experiment.states import TrialState
from search.from_python import Experiment
from search.goals import Goals
from search.planning.resources import usable_cpus
from search.space.values import literal
from search.wording import counted
from trainables.finished.classifier import Classifier, open_classifier


@dataclass(frozen=True)
class StoredTrial:
    """A trial and its experiment."""

    experiment: Experiment
    manifest: Mapping[str, Any]
    row: Mapping[str, Any]
    """Its row in the table of trials."""

    @property
    def trial_id(self) -> str:
        """Its name in tables, folders and logs."""
        return str(self.row["trial_id"])

    @property
    def config(self) -> dict[str, object]:
        """Its active parameters, as the table holds them."""
        return {
            name.removeprefix(CONFIG_PREFIX): value
            for name, value in self.row.items()
            if name.startswith(CONFIG_PREFIX) and value is not None
        }

    @property
    def settings(self) -> dict[str, object]:
        """All that it was configured with: parameters, fixed settings, data set, metric and mode."""
        space, data = self.manifest["space"], self.manifest["dataset"]
        asked = {"metric": space["metric"], "mode": space["mode"]}
        asked |= {"dataset": data["name"]} if data is not None else {}
        texts = {**space["fixed"], **self.config}
        return {**asked, **{name: literal(v) if isinstance(v, str) else v for name, v in texts.items()}}

    @cached_property
    def line(self) -> list[StoredTrial]:
        """The trials whose training it goes on with, in a population, the first of them first; itself is the last."""
        rows = {str(row["trial_id"]): row for row in read_trials(self.experiment.path).table.to_pylist()}
        line = [self]
        while (parent := parent_of(line[0].row)) is not None:
            if parent.trial_id not in rows:
                raise SearchError(f"trial {parent.trial_id}, with which {self.trial_id} goes on, has no row any more.")
            line.insert(0, StoredTrial(self.experiment, self.manifest, rows[parent.trial_id]))
        return line

    @property
    def last_epoch(self) -> int:
        """The number of its last epoch: those of trials with which it goes on count."""
        parent = parent_of(self.row)
        return int(self.row["epochs"]) + (parent.epoch if parent is not None else 0)

    @property
    def seed(self) -> int:
        """The experiment's seed, which decides the splits; the trial's own is in its row."""
        return int(self.manifest["options"]["seed"])

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes in the order in which a model has them, by number where the data set names none."""
        data = self.manifest["dataset"]
        if data is None or not data["num_classes"]:
            raise SearchError(
                f"{self.experiment.path} has no data set with classes, or a function gave it; expected a named one. "
                "Load this model by trainables.image_classifier.load_model."
            )
        return tuple(data["class_names"]) or tuple(str(number) for number in range(data["num_classes"]))

    @property
    def model(self) -> Path:
        """Its model's file; raises SearchError where it was not kept, naming those that were."""
        path = self.experiment.path / "models" / f"{self.trial_id}.keras"
        if not path.is_file():
            kept = sorted(file.stem for file in path.parent.glob("*.keras") if file.stem != "best")
            told = f"Kept are those of {', '.join(kept)}." if kept else "None was kept."
            raise SearchError(f"the model of trial {self.trial_id} is not in {path.parent}. {told}")
        return path

    @property
    def image_size(self) -> tuple[int, int] | None:
        """Height and width to which its pictures were brought; None where only the model tells."""
        size = self.settings.get("image_size")
        if isinstance(size, int):
            return (size, size)
        if isinstance(size, (tuple, list)):
            return (int(size[0]), int(size[1]))
        shape = (self.manifest["dataset"] or {}).get("image_shape")
        return (shape[0], shape[1]) if shape else None

    def load(self, path: Path) -> Any:
        """The Keras model of a `.keras` file of this experiment."""
        return self.experiment.load_model(path)

    def classifier(self, model: Path | None = None) -> Classifier:
        """Its model, or that of another file of the experiment, as it tells classes apart; raises SearchError."""
        if model is not None and not model.is_file():
            raise SearchError(f"{model} is not there; expected a .keras file of the experiment, like one of refit/.")
        path = model or self.model
        found = open_classifier(path, self.load, usable_cpus(), self.image_size)
        if found.classes != len(self.class_names):
            raise SearchError(
                f"{path} tells {found.classes} classes apart, and the data of {self.experiment.path} have "
                f"{len(self.class_names)}; expected as many."
            )
        return found

    @cached_property
    def epochs(self) -> list[dict[str, Any]]:
        """Its rows in the table of epochs, in order."""
        rows = read_epochs(self.experiment.path).table.to_pylist()
        return sorted((row for row in rows if row["trial_id"] == self.trial_id), key=lambda row: row["epoch"])


def stored_trial(experiment: Experiment, trial: str | None = None) -> StoredTrial:
    """The best trial of an experiment, or the one of that number or id; raises SearchError where there is none."""
    rows = {str(row["trial_id"]): row for row in read_trials(experiment.path).table.to_pylist()}
    trial_id = experiment.best.trial_id if trial is None else f"{trial:0>5}" if trial.isdecimal() else trial
    if trial_id not in rows:
        raise SearchError(f"{experiment.path} has no trial {trial}; expected one of its {len(rows)}, from 0 on.")
    if rows[trial_id]["state"] == TrialState.RUNNING:
        raise SearchError(f"trial {trial_id} of {experiment.path} has not ended; wait for it, or go on with --resume.")
    return StoredTrial(experiment, experiment.manifest, rows[trial_id])


def leading_trials(experiment: Experiment, count: int) -> list[StoredTrial]:
    """The best complete configurations, as many as asked for, the best first; raises SearchError with fewer."""
    goals = Goals.of(experiment.manifest["space"])
    ended = ranked(ended_trials(experiment.path, goals.metric), goals)
    complete = [trial for trial in ended if trial.state is TrialState.COMPLETE]
    if len(complete) < count:
        raise SearchError(
            f"{experiment.path} has {counted(len(complete), 'complete configuration')}; expected {count}. Name fewer."
        )
    return [StoredTrial(experiment, experiment.manifest, trial.row) for trial in complete[:count]]


def runs_of(trial: StoredTrial) -> list[dict[str, Any]]:
    """The rows of all complete runs of its configuration, with other seeds too."""
    first = trial.row.get("repeat_of") or trial.trial_id
    rows = read_trials(trial.experiment.path).table.to_pylist()
    return [
        row for row in rows if first in (row["trial_id"], row.get("repeat_of")) and row["state"] == TrialState.COMPLETE
    ]
