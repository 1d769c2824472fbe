"""The words in which tables and manifests say how a trial, and how a search, stands or ended."""

from __future__ import annotations

from enum import StrEnum


class TrialState(StrEnum):
    """The state of a trial. All but `INTERRUPTED` stand in the column `state` of `trials`."""

    RUNNING = "running"
    """It was proposed and has not ended: it trains, waits for a worker, or was cut off with its search."""
    COMPLETE = "complete"
    """It trained to its own end."""
    PRUNED = "pruned"
    """It was ended early, by the stopping rule or by a trainable that raised Optuna's TrialPruned."""
    FAILED = "failed"
    """It raised an error, diverged, or lost its training process or its worker too often."""
    INTERRUPTED = "interrupted"
    """It saved itself because the search is being closed; in the table it stays `running`, and a resume goes on."""


class SearchEnd(StrEnum):
    """How a search stands or ended: `end` of each session in its manifest, and `state` of the manifest as a whole."""

    RUNNING = "running"
    """It has not ended, or was killed before it could say how."""
    FINISHED = "finished"
    """As many configurations have ended as were asked for."""
    EXHAUSTED = "exhausted"
    """Every configuration of the space has ended, fewer than were asked for."""
    INTERRUPTED = "interrupted"
    """A signal ended it: Ctrl-C or SIGTERM."""
    TIME_BUDGET = "time budget"
    """Its time budget was used up."""
    EPOCH_BUDGET = "epoch budget"
    """As many epochs were trained as were asked for; every trial has ended."""
    ENOUGH = "enough"
    """It has reached its target, or nothing better was found for as long as its patience."""
    FAILED = "failed"
    """So many trials failed that the search itself counts as broken."""
