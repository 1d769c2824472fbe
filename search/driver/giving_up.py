"""When failing trials mean that the search itself is broken: a typo in the trainable, not an unlucky configuration."""

from __future__ import annotations

from search.experiment.states import TrialState

FIRST_TRIALS = 3
"""So many failures with one cause, before any trial succeeded, end the search."""
IN_A_ROW = 10
"""So many failures in a row end it at any time."""
REFUSED_NODES = 3
"""So many workers on nodes that do not fit, before any node has trained, end it."""


class Faults:
    """Counts failures, and says in `verdict` why the search should end; None while it should go on."""

    def __init__(self) -> None:
        self.verdict: str | None = None
        self._succeeded = False
        self._row: list[str] = []
        self._refused = 0

    def take(self, state: TrialState, error: str | None, diverged: bool) -> None:
        """Take the end of one trial; one that diverged is a result of its configuration and does not count."""
        if state is not TrialState.FAILED:
            self._succeeded, self._row = True, []
            return
        if diverged:
            return
        self._row.append(error or "")
        if not self._succeeded and len(self._row) >= FIRST_TRIALS and len(set(self._row)) == 1:
            self.verdict = f"the first {len(self._row)} trials all failed with: {self._row[-1]}"
        elif len(self._row) >= IN_A_ROW:
            self.verdict = f"{len(self._row)} trials in a row failed, the last with: {self._row[-1]}"

    def end_search(self, reason: str) -> None:
        """End the search for a reason that needs no counting."""
        self.verdict = reason

    def refuse_node(self, reason: str, has_trained: bool, none_left: bool) -> None:
        """Take a worker whose node does not fit; `has_trained`: some other did fit; `none_left`: none does any more."""
        self._refused += 1
        if none_left or (self._refused >= REFUSED_NODES and not has_trained):
            self.verdict = reason
