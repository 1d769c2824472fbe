"""The rows that a trial has in the tables of its experiment."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime

from search.driver.records import Live
from search.experiment.schema import CONFIG_PREFIX, config_value
from search.planning.plan import Plan
from search.space import Space
from search.stopping.fidelity import comparable, last_share
from search.trial.messages import Ending, Metrics

Row = dict[str, object]

_OF_THE_EPOCH = {"epoch", "stage", "seconds", "learning_rate", "train_images"}


def epoch_row(trial_id: str, metrics: Metrics) -> Row:
    """One row of `epochs`."""
    whole: Row = {name: int(metrics[name]) for name in ("epoch", "stage", "train_images") if name in metrics}
    return {**metrics, "trial_id": trial_id, **whole}


def running_row(plan: Plan, live: Live) -> Row:
    """The row of a trial from its proposal to its end."""
    row: Row = {
        "trial_id": live.spec.trial_id,
        "number": live.number,
        "state": "running",
        "space": plan.source.stem,
        "dataset": plan.dataset.name if plan.dataset is not None else None,
        "seed": live.spec.seed,
        "repeat_of": live.repeat_of,
    }
    for name, value in live.config.items():  # An inactive parameter is left out, and null in the table.
        row[CONFIG_PREFIX + name] = config_value(plan.space, name, value)
    return row


def finished_row(plan: Plan, live: Live, ending: Ending, log: str | None) -> Row:
    """The row of a trial that has ended: metrics as they were at its best epoch, and those of the whole trial.

    Where training sets grow, `training_share` and `sample_size` say on what part of it the trial ended.
    """
    now = time.time()
    best = best_epoch(live, plan.space)
    at_best = {name: value for name, value in (best or {}).items() if name not in _OF_THE_EPOCH}
    started = live.started_at if live.started_at is not None else now
    return {
        **running_row(plan, live),
        **at_best,
        **_part_seen(live),
        **ending.summary,
        "state": ending.state,
        "error": ending.error,
        "epochs": len(live.epochs),
        "best_epoch": int(best["epoch"]) if best else None,
        "started_at": datetime.fromtimestamp(started, UTC),
        "finished_at": datetime.fromtimestamp(now, UTC),
        "train_seconds": now - started,
        "wait_seconds": max(0.0, started - live.spec.proposed_at),
        "node": live.node or None,
        "worker": live.worker or None,
        "log": log,
    }


def _part_seen(live: Live) -> Row:
    if not live.spec.growth.steps or not live.epochs:
        return {}
    images = live.epochs[-1].get("train_images")
    seen: Row = {} if images is None else {"sample_size": int(images)}
    return {**seen, "training_share": last_share(live.epochs, live.spec.growth)}


def best_epoch(live: Live, space: Space) -> Mapping[str, float] | None:
    """The metrics of the epoch with the best value, the first of equal ones; of a complete trial, on all its images."""
    sign = 1 if space.mode == "max" else -1
    epochs = comparable(live.epochs, live.spec.growth)
    return max(epochs, key=lambda metrics: sign * metrics[space.metric], default=None)


def score_of(live: Live, space: Space) -> float | None:
    """The metric at the best epoch."""
    best = best_epoch(live, space)
    return None if best is None else best[space.metric]
