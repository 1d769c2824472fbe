"""How far ahead of a free worker trials are proposed and handed out, by how long trials and proposals take."""

from __future__ import annotations

import math

from search.driver.trial_queue import TrialQueue

AHEAD_FROM = 0.02
"""Time of a proposal, as a share of a trial's, from which trials are proposed ahead."""
SHORT_S = 1.0
"""Length of trials below which one is always proposed ahead for each worker, where that changes no proposal."""
SMOOTHING = 0.2
"""The weight of the latest trial in the mean length of a trial."""


class Ahead:
    """Says how many trials may be proposed that no worker is free for, and whether busy workers are given them.

    A proposal that is made ahead cannot learn from the trials that end in the meantime. So samplers that learn propose
    ahead only where waiting for a proposal would cost a noticeable share of the time, and never with one worker: such a
    search is the same each time.
    """

    def __init__(self, queue: TrialQueue) -> None:
        self._queue = queue
        self._trial_s = math.inf
        """How long a worker has had a trial, of late."""

    def note(self, length_s: float) -> None:
        """A worker has had a trial for so long."""
        smoothed = (1 - SMOOTHING) * self._trial_s + SMOOTHING * length_s
        self._trial_s = length_s if math.isinf(self._trial_s) else smoothed

    def most(self, workers: int) -> int:
        """How many trials may be proposed and not begun while all of so many workers have one."""
        if self._trial_s < SHORT_S and self._queue.is_non_adaptive:
            return workers
        return min(workers, math.ceil(2 * workers * self._share)) if self._share >= AHEAD_FROM else 0

    def holds(self, workers: int, pending: int) -> bool:
        """Whether a busy worker, of so many, is given its next trial already, because trials are short.

        Not near the end of the search, where another worker may be free sooner and would have nothing to do. Where the
        sampler learns from results, only if that proposes no more trials ahead than `most` allows, or one more for a
        sampler that tolerates the delay.
        """
        if self._queue.is_closed or self._trial_s >= SHORT_S or pending + self._queue.left < workers:
            return False
        if self._queue.is_non_adaptive:
            return True
        least = workers - 1 if self._queue.tolerates_delay else workers
        return workers > 1 and self._queue.members is None and self.most(workers) >= max(1, least)

    @property
    def _share(self) -> float:
        """The time of a proposal as a share of a trial's."""
        return self._queue.proposal_s / self._trial_s
