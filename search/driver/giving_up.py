"""When failing trials mean that the search itself is broken: a typo in the trainable, not an unlucky configuration."""

from __future__ import annotations

FIRST_TRIALS = 3
"""So many failures with one cause, before any trial succeeded, end the search."""
IN_A_ROW = 10
"""So many failures in a row end it at any time."""


class Faults:
    """Counts failures; those that diverged are results of their configuration and do not count."""

    def __init__(self) -> None:
        self.verdict: str | None = None
        self._succeeded = False
        self._row: list[str] = []

    def take(self, state: str, error: str | None, diverged: bool) -> None:
        """Take the end of one trial."""
        if state != "failed":
            self._succeeded, self._row = True, []
            return
        if diverged:
            return
        self._row.append(error or "")
        if not self._succeeded and len(self._row) >= FIRST_TRIALS and len(set(self._row)) == 1:
            self.verdict = f"the first {len(self._row)} trials all failed with: {self._row[-1]}"
        elif len(self._row) >= IN_A_ROW:
            self.verdict = f"{len(self._row)} trials in a row failed, the last with: {self._row[-1]}"
