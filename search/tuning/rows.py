"""The rows that a trial has in the tables of its experiment."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from search.experiment.schema import CONFIG_PREFIX, config_value
from search.plan import Plan
from search.space import Space
from search.tuning.messages import Ending, Metrics
from search.tuning.records import Live

Row = dict[str, object]

_OF_THE_EPOCH = {"epoch", "stage", "seconds", "learning_rate"}


def epoch_row(trial_id: str, metrics: Metrics) -> Row:
    """One row of `epochs`."""
    whole: Row = {name: int(metrics[name]) for name in ("epoch", "stage") if name in metrics}
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
    """The row of a trial that has ended: metrics as they were at its best epoch, and those of the whole trial."""
    now = time.time()
    best = best_epoch(live.epochs, plan.space)
    at_best = {name: value for name, value in (best or {}).items() if name not in _OF_THE_EPOCH}
    started = live.started_at if live.started_at is not None else now
    return {
        **running_row(plan, live),
        **at_best,
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


def best_epoch(epochs: Sequence[Metrics], space: Space) -> Mapping[str, float] | None:
    """The metrics of the epoch with the best value, the first of equal ones."""
    if not epochs:
        return None
    sign = 1 if space.mode == "max" else -1
    return max(epochs, key=lambda metrics: sign * metrics[space.metric])


def score_of(epochs: Sequence[Metrics], space: Space) -> float | None:
    """The metric at the best epoch."""
    best = best_epoch(epochs, space)
    return None if best is None else best[space.metric]
