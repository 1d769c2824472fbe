"""What the experiment folder says of a trial: its rows in the tables, and its log."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime

from search.driver.trials import ActiveTrial
from search.experiment.atomic import write_text
from search.experiment.folder import Experiment
from search.experiment.schema import CONFIG_PREFIX, config_value
from search.experiment.states import TrialState
from search.planning.plan import Plan
from search.space import Space
from search.stopping.fidelity import comparable, last_share
from search.trial.messages import Metrics, TrialEnd
from search.wording import without_colours

Row = dict[str, object]

_OF_THE_EPOCH = {"epoch", "stage", "seconds", "learning_rate", "train_images"}


def epoch_row(trial_id: str, metrics: Metrics) -> Row:
    """One row of `epochs`."""
    whole: Row = {name: int(metrics[name]) for name in ("epoch", "stage", "train_images") if name in metrics}
    return {**metrics, "trial_id": trial_id, **whole}


def running_row(plan: Plan, trial: ActiveTrial) -> Row:
    """The row of a trial from its proposal to its end; who trains it and since when, once that is known."""
    row: Row = {
        "trial_id": trial.spec.trial_id,
        "number": trial.number,
        "state": str(TrialState.RUNNING),
        "space": plan.space_file.stem,
        "dataset": plan.dataset.name if plan.dataset is not None else plan.space.dataset_name,
        "seed": trial.spec.seed,
        "repeat_of": trial.repeat_of,
        "started_at": None if trial.started_at is None else datetime.fromtimestamp(trial.started_at, UTC),
        "node": trial.node or None,
        "worker": str(trial.worker) if trial.worker else None,
    }
    if trial.spec.parent is not None:
        row |= {"parent": trial.spec.parent.trial_id, "parent_epoch": trial.spec.parent.epoch}
    for name, value in trial.config.items():  # An inactive parameter is left out, and null in the table.
        row[CONFIG_PREFIX + name] = config_value(plan.space, name, value)
    return row


def finished_row(plan: Plan, trial: ActiveTrial, end: TrialEnd, log: str | None) -> Row:
    """The row of a trial that has ended: metrics as they were at its best epoch, and those of the whole trial.

    Where training sets grow, `training_share` and `sample_size` say on what part of it the trial ended.
    """
    now, ended = time.time(), time.monotonic()
    goals, best = plan.space.goals, best_epoch(trial, plan.space)
    at_best = {name: value for name, value in (best or {}).items() if name not in _OF_THE_EPOCH}
    begun = trial.begun if trial.begun is not None else ended
    started = trial.started_at if trial.started_at is not None else now
    row = {
        **running_row(plan, trial),
        **at_best,
        **_part_seen(trial),
        **end.summary,
        **trial.facts,
        "state": str(end.state),
        "error": end.error,
        "epochs": len(trial.epochs),
        "best_epoch": int(best["epoch"]) if best else None,
        "started_at": datetime.fromtimestamp(started, UTC),
        "finished_at": datetime.fromtimestamp(now, UTC),
        "train_seconds": _trained(trial, ended - begun),
        "wait_seconds": max(0.0, begun - trial.spec.proposed_at),
        "log": log,
    }
    return {**row, "violates": goals.violated(row)} if goals.constraints else row


def said_of(row: Mapping[str, object]) -> dict[str, str]:
    """What the study says of an ended trial besides its values, for whoever opens it with Optuna's own tools."""
    return {name: str(row[name]) for name in ("worker", "error") if row.get(name)}


def _trained(trial: ActiveTrial, whole: float) -> float:
    """Seconds of the epochs where the trainable tells them; else of the whole trial, imports and tracing included."""
    seconds = [metrics["seconds"] for metrics in trial.epochs if "seconds" in metrics]
    return sum(seconds) if seconds and len(seconds) == len(trial.epochs) else whole


def _part_seen(trial: ActiveTrial) -> Row:
    if not trial.spec.growth.steps or not trial.epochs:
        return {}
    images = trial.epochs[-1].get("train_images")
    seen: Row = {} if images is None else {"sample_size": int(images)}
    return {**seen, "training_share": last_share(trial.epochs, trial.spec.growth)}


def best_epoch(trial: ActiveTrial, space: Space) -> Mapping[str, float] | None:
    """The metrics of the epoch with the best value, the first of equal ones; of a complete trial, on all its images."""
    sign = 1 if space.mode == "max" else -1
    epochs = comparable(trial.epochs, trial.spec.growth)
    return max(epochs, key=lambda metrics: sign * metrics[space.metric], default=None)


def score_of(trial: ActiveTrial, space: Space) -> float | None:
    """The metric at the best epoch."""
    best = best_epoch(trial, space)
    return None if best is None else best[space.metric]


def write_log(experiment: Experiment, trial_id: str, end: TrialEnd) -> str | None:
    """Write what the trial printed last, and its traceback, to `logs/TRIAL_ID.log`.

    A terminal's colours are left out. Its path within the experiment comes back, None for a trial with nothing to tell.
    """
    text = "\n".join(part for part in (end.output.rstrip(), end.traceback.rstrip()) if part)
    if not text and end.state is not TrialState.FAILED:
        return None
    path = experiment.logs / f"{trial_id}.log"
    write_text(path, without_colours(text or end.error or "") + "\n")
    return path.relative_to(experiment.root).as_posix()
