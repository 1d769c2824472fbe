"""When a loss says that a training has failed."""

from __future__ import annotations

import math

from trainables.errors import TrialDiverged
from trainables.trial import Metrics

EXPLODED = 1e6
"""A loss this many times the first epoch's ends the trial."""


def check_loss(metrics: Metrics, first_loss: float | None) -> None:
    """Raise TrialDiverged where a loss is no number any more, or has exploded since the first epoch.

    A loss may be negative (a similarity), and a model may report none.
    """
    for name in ("loss", "val_loss"):
        if not math.isfinite(metrics.get(name, 0.0)):
            raise TrialDiverged(f"{name} is {metrics[name]} in epoch {metrics['epoch']}")
    loss = metrics.get("loss", 0.0)
    if first_loss and abs(loss) > EXPLODED * abs(first_loss):
        raise TrialDiverged(
            f"loss is {loss:g} in epoch {metrics['epoch']}, more than {EXPLODED:g} times the first epoch's "
            f"{first_loss:g}"
        )
