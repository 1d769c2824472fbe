"""A snapshot of the ledger."""

from __future__ import annotations

import time

from search.driver.ledger import Ledger
from search.screen.snapshot import BestTrial, RunningTrial, Snapshot


def snapshot(ledger: Ledger, slots: int, begun: float) -> Snapshot:
    """Where the search stands; `begun` is the `time.monotonic` at which this run of the driver began."""
    plan, counts, elapsed = ledger.plan, ledger.counts(), time.monotonic() - begun
    best = ledger.leading()
    running = tuple(
        RunningTrial(
            live.spec.trial_id,
            len(live.epochs),
            live.epochs[-1][plan.space.metric] if live.epochs else None,
            time.time() - (live.started_at or live.spec.proposed_at),
            live.config,
        )
        for live in list(ledger.live.values())
    )
    done = sum(counts.values())
    return Snapshot(
        name=plan.name,
        metric=plan.space.metric,
        trials=plan.trials,
        **counts,
        repeats=len(ledger.ended) - done,
        running=running,
        slots=slots,
        best=BestTrial(best.trial_id, best.value, best.config) if best and best.value is not None else None,
        elapsed_s=elapsed,
        left_s=_left(ledger, plan.trials - done),
        max_epochs=_longest(ledger),
        closing=ledger.closing,
        latest_failure=ledger.latest_failure,
        events=tuple(ledger.events),
    )


def _longest(ledger: Ledger) -> int | None:
    """Epochs of a whole trial, where they are known: more than a training's where that begins anew at each rung."""
    epochs = ledger.plan.max_epochs
    lengths = [live.spec.growth.length(epochs) for live in list(ledger.live.values())] if epochs else []
    return max(lengths, default=epochs)


def _left(ledger: Ledger, to_do: int) -> float | None:
    """Time for the trials to do at the pace of those that this driver has seen end, the first one's start left out."""
    if ledger.ended_here < 4:
        return None
    return (time.monotonic() - ledger.first_end) / (ledger.ended_here - 1) * to_do
