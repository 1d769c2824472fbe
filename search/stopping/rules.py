"""Which trials go on: stopping rules, from plain values to a decision, without Ray, Optuna or a clock.

A rule is told every report in the order in which it came, and holds nothing else: telling a new rule the same reports
again rebuilds it, which is how a resumed search does it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from statistics import fmean, median

from search.errors import SearchError
from search.population import STOPPING as POPULATION
from search.stopping.decision import Decision, Mode, StoppingRule
from search.stopping.fidelity import FIDELITIES, ladder
from search.stopping.intervals import Intervals
from trainables.trial import ALL_AT_ONCE, Growth

_RANDOM_ONLY = 2
"""Rungs at which a trial is compared only with randomly proposed ones."""


def never(trial_id: str) -> bool:
    """Return False: no model proposed the trial."""
    return False


class NoStopping:
    """Lets every trial run to its end."""

    def rungs(self) -> tuple[int, ...] | None:
        """Return no epoch: no trial is ever stopped."""
        return ()

    def kept_share(self) -> float:
        """Return 1: every trial goes on."""
        return 1.0

    def growth(self) -> Growth:
        """Return no steps: trials have all their images from the start."""
        return ALL_AT_ONCE

    def decide(self, trial_id: str, epoch: int, value: float) -> Decision:
        """Return CONTINUE."""
        return Decision.CONTINUE

    def end(self, trial_id: str) -> None:
        """Do nothing, because nothing is remembered."""

    def forget(self, trial_id: str) -> None:
        """Do nothing, because nothing is remembered."""


class SuccessiveHalving:
    """Asynchronous successive halving over epochs, by stopping (Li et al., MLSys 2020).

    Rungs stand at min_epochs * reduction_factor ** k. A trial that arrives at one goes on if it is in the best
    1 / reduction_factor of the latest `window` that have arrived there, itself included, measured by its best value up
    to the rung; ties go on. (As published, all are compared; of a sampler that improves, the latest trials are all
    among the best of all, and less and less is cut.) Running trials that are on the way from the rung before, or better
    already, count as if they had arrived: else the first at a rung would go on whatever follows it. While there are
    fewer than min_records trials to compare at a rung, it cuts nobody.

    At the first two rungs trials that a model proposed (`is_modelled`) do not count: all that it proposes is like what
    did well there, so that the bar would rise until configurations that start slower and end better never pass. A trial
    is compared with all where too few others have come.

    With a fidelity other than epochs (see `search.stopping.fidelity`) the best value is that on the part of the images
    that belongs to the rung.
    """

    def __init__(
        self,
        mode: Mode,
        max_epochs: int | None,
        *,
        reduction_factor: float = 3,
        min_epochs: int = 1,
        min_records: int = 2,
        window: int = 18,
        fidelity: str = "epochs",
        is_modelled: Callable[[str], bool] = never,
    ) -> None:
        self._sign = 1 if mode == "max" else -1
        rungs = _geometric(min_epochs, reduction_factor, max_epochs)
        self._ladder = ladder(fidelity, rungs, reduction_factor, max_epochs)
        self._factor = reduction_factor
        self._min_records, self._window = min_records, window
        self._is_modelled = is_modelled
        self._best: dict[str, tuple[float, float]] = {}
        """Trial -> share of the training images, best score of the trial on that share."""
        self._running: dict[str, int] = {}
        """Latest epoch of each trial that has not ended."""
        self._arrived: dict[int, dict[str, float]] = {rung: {} for rung in self._ladder.rungs}

    def rungs(self) -> tuple[int, ...] | None:
        """Return the epochs at which trials may be stopped."""
        return self._ladder.rungs

    def kept_share(self) -> float:
        """Return 1 / reduction_factor."""
        return 1 / self._factor

    def growth(self) -> Growth:
        """Return the growth that the fidelity asks for."""
        return self._ladder.growth

    def decide(self, trial_id: str, epoch: int, value: float) -> Decision:
        """Return STOP for a trial that arrives at a rung outside the best part, else CONTINUE."""
        score = -math.inf if math.isnan(value) else self._sign * value
        share = self._ladder.growth.share(epoch)
        before, best = self._best.get(trial_id, (share, score))
        best = max(best, score) if before == share else score
        self._best[trial_id], self._running[trial_id] = (share, best), epoch
        decision = Decision.CONTINUE
        for rung, arrived in self._arrived.items():
            if rung <= epoch and trial_id not in arrived:
                arrived[trial_id] = best
                if not self._goes_on(best, self._compared(rung, trial_id, share, best)):
                    decision = Decision.STOP
        return decision

    def _compared(self, rung: int, trial_id: str, share: float, score: float) -> list[float]:
        """Return the scores with which one that arrives at a rung is compared, its own among them."""
        if rung in self._ladder.rungs[:_RANDOM_ONLY]:
            found = self._scores(rung, share, score, lambda other: other == trial_id or not self._is_modelled(other))
            if len(found) >= self._min_records:
                return found
        return self._scores(rung, share, score, lambda other: True)

    def _scores(self, rung: int, share: float, score: float, counts: Callable[[str], bool]) -> list[float]:
        """Return the scores of the latest that have arrived, and of running trials that are yet to come to the rung.

        Those that have not come to the rung before it count only if they are better than `score` already.
        """
        arrived = reversed(self._arrived[rung].items())
        latest = islice((other for trial_id, other in arrived if counts(trial_id)), self._window)
        before = max((other for other in self._arrived if other < rung), default=0)
        coming = [(epoch, *self._best[name]) for name, epoch in self._running.items() if epoch < rung and counts(name)]
        return [*latest, *(other for epoch, on, other in coming if on == share and (epoch >= before or other > score))]

    def _goes_on(self, score: float, compared: Sequence[float]) -> bool:
        if len(compared) < self._min_records:
            return True
        kept = max(1, math.floor(len(compared) / self._factor))
        return sum(other > score for other in compared) < kept

    def end(self, trial_id: str) -> None:
        """Count the trial only at the rungs that it has come to."""
        self._best.pop(trial_id, None)
        self._running.pop(trial_id, None)

    def forget(self, trial_id: str) -> None:
        """Drop the records of the trial at all rungs."""
        self.end(trial_id)
        for arrived in self._arrived.values():
            arrived.pop(trial_id, None)


class MedianStopping:
    """The median rule of Golovin et al. (Vizier, KDD 2017).

    A trial is stopped when its best value so far is worse than the median of the other trials' mean values up to the
    same epoch. It spares a trial before min_epochs, and while fewer than min_records others have come as far.
    """

    def __init__(self, mode: Mode, *, min_epochs: int = 1, min_records: int = 5) -> None:
        self._sign = 1 if mode == "max" else -1
        self._min_epochs = min_epochs
        self._min_records = min_records
        self._scores: dict[str, dict[int, float]] = {}

    def rungs(self) -> tuple[int, ...] | None:
        """Return None: a trial may be stopped after any epoch."""
        return None

    def kept_share(self) -> float:
        """Return a half: the better part of the median."""
        return 0.5

    def growth(self) -> Growth:
        """Return no steps: only a rule with rungs can give trials a share of their images."""
        return ALL_AT_ONCE

    def decide(self, trial_id: str, epoch: int, value: float) -> Decision:
        """Return STOP for a trial whose best is below the median of the means, else CONTINUE."""
        scores = self._scores.setdefault(trial_id, {})
        if epoch in scores:
            return Decision.CONTINUE
        scores[epoch] = -math.inf if math.isnan(value) else self._sign * value
        if epoch < self._min_epochs:
            return Decision.CONTINUE
        means = [
            fmean(score for at, score in other.items() if at <= epoch)
            for name, other in self._scores.items()
            if name != trial_id and max(other) >= epoch
        ]
        if len(means) < self._min_records or max(scores.values()) >= median(means):
            return Decision.CONTINUE
        return Decision.STOP

    def end(self, trial_id: str) -> None:
        """Do nothing: a trial is measured against the others whether or not they still run."""

    def forget(self, trial_id: str) -> None:
        """Drop the reports of the trial."""
        self._scores.pop(trial_id, None)


def make_rule(
    name: str,
    mode: Mode,
    options: Mapping[str, float | str],
    max_epochs: int | None,
    is_modelled: Callable[[str], bool] = never,
) -> StoppingRule:
    """Return the stopping rule of that name; `max_epochs` is None where no bound is known. Raises SearchError.

    `is_modelled`: of a trial_id, whether a model proposed it that learns from trials which are stopped.
    """
    if name == POPULATION:  # A space has checked its options.
        return Intervals(int(options["interval"]), max_epochs or 0)
    known = _OPTIONS.get(name)
    if known is None:
        raise SearchError(f"stopping={name!r}; expected one of: {', '.join(_OPTIONS)}.")
    for option, value in options.items():
        if option not in known:
            raise SearchError(f"stopping rule {name!r} has no option {option!r}; {_expected(known)}.")
        _check_option(option, value)
    given = {option: int(value) if option in _WHOLE else value for option, value in options.items()}
    if name == "asha":
        return SuccessiveHalving(mode, max_epochs, is_modelled=is_modelled, **given)  # type: ignore[arg-type]  # of the types just checked
    if name == "median":
        return MedianStopping(mode, **given)  # type: ignore[arg-type]  # whole, as just checked
    return NoStopping()


_WHOLE = ("min_epochs", "min_records", "window")
_OPTIONS = {
    "asha": ("reduction_factor", "min_epochs", "min_records", "window", "fidelity"),
    "median": ("min_epochs", "min_records"),
    "none": (),
}


def _expected(known: tuple[str, ...]) -> str:
    return f"expected one of: {', '.join(known)}" if known else "it takes none"


def _check_option(option: str, value: object) -> None:
    if option == "fidelity":
        if value not in FIDELITIES:
            raise SearchError(f"stopping option fidelity={value!r}; expected one of: {', '.join(FIDELITIES)}.")
        return
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if option == "reduction_factor":
        if not number or float(str(value)) <= 1:
            raise SearchError(f"stopping option reduction_factor={value!r}; expected a number above 1, like 3.")
    elif not number or float(str(value)) < 1 or float(str(value)) != int(float(str(value))):
        raise SearchError(f"stopping option {option}={value!r}; expected a whole number above 0.")


def _geometric(first: int, factor: float, end: int | None) -> tuple[int, ...]:
    """Return first, first * factor, ... rounded up and each above the one before, below `end` or a million."""
    rungs = [first]
    while len(rungs) < 64 and rungs[-1] < (end or 1_000_000):
        rungs.append(max(rungs[-1] + 1, math.ceil(first * factor ** len(rungs) - 1e-9)))
    return tuple(rung for rung in rungs if rung < (end or 1_000_000))
