"""Trains the best configurations on training and validation images together, with several seeds: the models to use."""

from __future__ import annotations

import dataclasses
import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean, stdev

from search.console import Console
from search.errors import SearchError
from search.experiment.atomic import write_text
from search.experiment.states import TrialState
from search.planning.plan import Plan
from search.trial.messages import TrialSpec
from search.use.ensemble import join
from search.use.reproduce import plan_of, spec_of, train_line
from search.use.stored_trial import StoredTrial
from search.wording import counted, show_value
from trainables.trial import ALL_AT_ONCE, declaration_of

Row = dict[str, float]


def refit(
    trials: Sequence[StoredTrial], seeds: int, data_dir: Path | None, console: Console, ensemble: bool = False
) -> int:
    """Train as many epochs as each trial's best one, with each of so many seeds; the exit code.

    Models and what they score on the test images go to `refit/` in the experiment's folder, with `ensemble` also one
    that gives the mean of their probabilities.
    """
    plans = [_plan(trial, data_dir, console) for trial in trials]
    folder = trials[0].experiment.path / "refit"
    folder.mkdir(exist_ok=True)
    models = []
    for trial, plan in zip(trials, plans, strict=True):
        models += [(trial, path) for path in _refitted(trial, plan, seeds, folder, console)]
    if ensemble:
        join(models, folder, data_dir, console)
    return 0


def _plan(trial: StoredTrial, data_dir: Path | None, console: Console) -> Plan:
    """The plan of a trial that can be trained again so; raises SearchError for another, before anything trains."""
    if trial.row["state"] != TrialState.COMPLETE:
        raise SearchError(f"trial {trial.trial_id} is {trial.row['state']}; expected a complete one.")
    if any(row.get("stage") == 2 for row in trial.epochs):
        raise SearchError(f"trial {trial.trial_id} trained in two stages; refit takes trainings of one. Use its model.")
    plan = plan_of(trial, data_dir, console)
    if not declaration_of(plan.space.trainable).refits:
        raise SearchError(
            f"the trainable of {trial.experiment.path} does not declare that it can train on the validation data too "
            "(`refits`); expected the image classifier, or a model or HyperModel of yours."
        )
    _line(trial, plan)
    return plan


def _refitted(trial: StoredTrial, plan: Plan, seeds: int, folder: Path, console: Console) -> list[Path]:
    line = _line(trial, plan)
    epochs = counted(int(str(line[-1].config["epochs"])), "epoch")
    before = "".join(f" after {one.trial_id}" for one in reversed(line[:-1]))
    console.note(f"training trial {trial.trial_id}{before} on training and validation images together: {epochs}")
    rows, models = [], []
    for seed in range(int(trial.row["seed"]), int(trial.row["seed"]) + seeds):
        rows.append(_trained(trial, plan, [dataclasses.replace(one, seed=seed) for one in line], folder))
        models.append(folder / f"{trial.trial_id}-{seed}.keras")
        console.result(f"seed {seed}: {_told(rows[-1])}; {models[-1]}")
    write_text(folder / f"{trial.trial_id}.json", json.dumps(rows, indent=2) + "\n")
    _conclude(trial, rows, console)
    return models


def _line(trial: StoredTrial, plan: Plan) -> list[TrialSpec]:
    """The trial as it is trained to its best epoch, behind those with whose training it goes on, in a population."""
    last = _spec(trial, plan)
    config = {"epochs": int(trial.row["best_epoch"]), **last.config}
    if config.get("schedule", "constant") == "constant" and not config.get("warmup_epochs"):
        config["epochs"] = int(trial.row["best_epoch"])  # A schedule would be another one over fewer epochs.
    return [*(_spec(one, plan) for one in trial.line[:-1]), dataclasses.replace(last, config=config, decides=False)]


def _spec(trial: StoredTrial, plan: Plan) -> TrialSpec:
    spec = spec_of(trial, plan)
    config = dict(spec.config)
    config.pop("patience", None)
    if config.pop("reduce_on_plateau", None) is not None:
        raise SearchError(
            f"trial {trial.trial_id} reduced its learning rate by the validation images, on which refit trains. "
            "Use its model."
        )
    return dataclasses.replace(spec, config=config, growth=ALL_AT_ONCE, keep_above=None)


def _trained(trial: StoredTrial, plan: Plan, line: Sequence[TrialSpec], folder: Path) -> Row:
    spec = line[-1]
    with tempfile.TemporaryDirectory(prefix="search-refit-") as scratch:
        _, report = train_line(plan, Path(scratch), line, refits=True)
        assert report.end is not None  # Nobody stops it.
        if report.end.state is not TrialState.COMPLETE:
            raise SearchError(f"training with seed {spec.seed} failed: {report.end.error}")
        model = Path(scratch) / "models" / f"{spec.trial_id}.keras"
        shutil.copyfile(model, folder / f"{trial.trial_id}-{spec.seed}.keras")
    return {"seed": spec.seed, **report.end.summary}


def _told(row: Row) -> str:
    return ", ".join(f"{name} {show_value(value)}" for name, value in row.items() if name.startswith("test_"))


def _conclude(trial: StoredTrial, rows: Sequence[Row], console: Console) -> None:
    for name in [name for name in rows[0] if name.startswith("test_")]:
        values = [row[name] for row in rows]
        spread = f", standard deviation {stdev(values):.2g}" if len(values) > 1 else ""
        before = trial.row.get(name)
        console.result(
            f"{name}: mean {show_value(fmean(values))} of {counted(len(values), 'seed')}{spread}; "
            f"{show_value(before)} without the validation images"
        )
