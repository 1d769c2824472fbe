"""A configuration that was proposed: while it runs, and as the durable study holds it."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field

from optuna.trial import FrozenTrial, TrialState, create_trial

from search.goals import Values
from search.sampling.drawing import Draw
from search.sampling.journal import Finished
from search.sampling.multi_fidelity import MODELLED
from search.space import Config
from search.space.values import text_of


@dataclass(frozen=True)
class Proposal:
    """A configuration to be tried, which holds only active parameters, with values of the declared types."""

    number: int
    trial_id: str
    config: Config


@dataclass
class RunningProposal:
    """A configuration that is being tried."""

    proposal: Proposal
    draw: Draw
    storage_id: int
    """The id by which the durable study knows it."""
    drawn_number: int
    """Its number in the study in memory, from which the sampler draws."""
    reports: dict[int, float] = field(default_factory=dict)
    """The metric after each epoch so far."""
    shortest_epoch_s: float = math.inf


def frozen(
    proposal: Proposal,
    draw: Draw,
    state: TrialState,
    values: Values | None = None,
    row: Finished | None = None,
) -> FrozenTrial:
    """Return a trial as Optuna stores it: one that begins, or, with its `row`, one that has ended."""
    config = json.dumps(proposal.config, default=text_of, sort_keys=True)
    return create_trial(
        state=state,
        values=values,
        params=draw.params,
        distributions=draw.distributions,
        intermediate_values=dict(row.reports) if row else {},
        user_attrs={
            "number": proposal.number,
            "trial_id": proposal.trial_id,
            "config": config,
            **({MODELLED: True} if draw.modelled else {}) | dict(row.about if row else {}),
        },
        constraints=dict(row.excess) if row else None,
    )
