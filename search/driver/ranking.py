"""Which trials lead, and which configurations are run again with another seed before a winner is named.

Pure functions of the trials that have ended.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from statistics import fmean, stdev

from search.driver.trials import EndedTrial, Trials
from search.experiment.schema import CONFIG_PREFIX
from search.experiment.states import TrialState
from search.goals import Goals, Values, means
from search.space import Space
from search.space.definition import LEADERS

LEAST = 2
"""Configurations that get every seed, however clear the lead."""


def values_by_configuration(ended: Collection[EndedTrial]) -> dict[str, list[float]]:
    """Metric of the complete runs of each configuration, under the trial id of its first run, in seed order.

    Runs that violate a constraint are left out.
    """
    values: dict[str, list[float]] = {}
    for trial in sorted(ended, key=lambda e: (e.repeat_of or e.trial_id, e.trial_id)):
        if trial.state is TrialState.COMPLETE and trial.value is not None and not trial.violates:
            values.setdefault(trial.repeat_of or trial.trial_id, []).append(trial.value)
    return values


def ranked(ended: Collection[EndedTrial], goals: Goals) -> list[EndedTrial]:
    """First runs that ended with a value: repeated ones by their mean, other complete ones, then the pruned.

    With several objectives those on the front come first. Ties go to the lower number. Trials that were stopped on a
    part of their training set, and those that violate a constraint, are left out.
    """
    values = values_by_configuration(ended)
    places = {trial_id: place for place, trial_id in enumerate(front(ended, goals))} if goals.objectives else {}
    sign = 1 if goals.mode == "max" else -1

    def order(trial: EndedTrial) -> tuple[float, bool, bool, float, int]:
        place, runs = places.get(trial.trial_id, math.inf), values.get(trial.trial_id) or [trial.value or 0.0]
        complete = trial.state is TrialState.COMPLETE
        return place, not complete, len(runs) < 2, -sign * sum(runs) / len(runs), trial.number

    usable = [e for e in ended if e.repeat_of is None and e.value is not None and e.state is not TrialState.FAILED]
    return sorted((trial for trial in usable if not trial.is_on_a_part and not trial.violates), key=order)


def scores(ended: Collection[EndedTrial], goals: Goals) -> dict[str, Values]:
    """What each configuration is compared by, the mean over its complete runs, under the trial id of its first run.

    A configuration of which a run violates a constraint has none.
    """
    runs: dict[str, list[Values]] = {}
    out: set[str] = set()
    for trial in ended:
        first, values = trial.repeat_of or trial.trial_id, goals.values(trial.row)
        if trial.violates:
            out.add(first)
        elif trial.state is TrialState.COMPLETE and values is not None:
            runs.setdefault(first, []).append(values)
    return {first: means(found) for first, found in runs.items() if first not in out}


def front(ended: Collection[EndedTrial], goals: Goals) -> list[str]:
    """Trial ids of the first runs of the configurations that no other dominates, best by the first objective first."""
    known = {trial.trial_id for trial in ended if trial.state is TrialState.COMPLETE}
    return goals.front({first: values for first, values in scores(ended, goals).items() if first in known})


def row_with_means(trial: EndedTrial, ended: Collection[EndedTrial]) -> dict[str, object]:
    """The row of a first run, with `runs`, and what was measured as the mean over its complete runs."""
    again = [other.row for other in ended if other.repeat_of == trial.trial_id and other.state is TrialState.COMPLETE]
    rows = [trial.row, *again]
    means = {
        name: fmean(float(str(row[name])) for row in rows)
        for name, value in trial.row.items()
        if isinstance(value, float) and not name.startswith(CONFIG_PREFIX)
        if all(isinstance(row.get(name), float) for row in rows)
    }
    return {**trial.row, **means, "runs": len(rows)}


def best(ended: Collection[EndedTrial], goals: Goals) -> EndedTrial | None:
    """The first run of the configuration with the best mean metric over its seeds; None while none is complete.

    With several objectives it is the one on the front that is best by the first objective.
    """
    leader = next(iter(ranked(ended, goals)), None)
    return leader if leader is not None and leader.state is TrialState.COMPLETE else None


def count_on_a_part(ended: Collection[EndedTrial]) -> int:
    """How many configurations were stopped on a part of their training set."""
    return sum(trial.state is TrialState.PRUNED and trial.is_on_a_part for trial in ended)


def next_repeat(trials: Trials, space: Space) -> tuple[EndedTrial, int] | None:
    """The first run to repeat now, and which of its repeats it is, from 1 on; None where none is due.

    Leaders are known only when no first run is running any more.
    """
    if space.repeats < 2:
        return None
    if space.repeat == "all":
        firsts = sorted(
            t.trial_id for t in trials.ended.values() if t.repeat_of is None and t.state is TrialState.COMPLETE
        )
        wanted = [(first, k) for first in firsts for k in range(1, space.repeats)]
    elif any(trial.repeat_of is None for trial in trials.running.values()):
        return None
    else:
        leaders = _leaders(trials, space)
        wanted = [(first, k) for first in leaders if (k := _next_seed(trials, space, first)) is not None]
    for first, k in wanted:
        trial_id = repeat_id(first, k)
        if k < space.repeats and trial_id not in trials.running and trial_id not in trials.ended:
            return trials.ended[first], k
    return None


def _leaders(trials: Trials, space: Space) -> list[str]:
    """The first runs that get one more seed now: with several objectives, those on the front that have too few."""
    values = values_by_configuration(trials.ended.values())
    if not space.objectives:
        return next_round(values, space.mode, space.repeats)
    return [first for first in front(trials.ended.values(), space.goals) if len(values[first]) < space.repeats]


def repeat_id(first: str, k: int) -> str:
    """The trial id of repeat `k`, from 1 on, of the first run with that id."""
    return f"{first}r{k}"


def _next_seed(trials: Trials, space: Space, first: str) -> int | None:
    """The number of the configuration's next repeat, None while one is running; a failed repeat is not retried."""
    following = 1 + sum(repeat_id(first, k) in trials.ended for k in range(1, space.repeats))
    return None if repeat_id(first, following) in trials.running else following


def next_round(values: Mapping[str, Sequence[float]], mode: str, repeats: int) -> list[str]:
    """Trial ids of the first runs whose configurations get one more seed now, best first; empty when all have enough.

    `values` holds the metric of each configuration's runs so far under the trial id of the first. The leading ones
    get a second seed; from then on one whose mean is further from the best mean than twice the standard error of
    that difference, with the spread pooled over the leading configurations, gets no more.
    """
    sign = 1 if mode == "max" else -1
    usable = [trial_id for trial_id in values if values[trial_id]]
    leaders = sorted(usable, key=lambda t: (-sign * values[t][0], t))[:LEADERS]
    if any(len(values[t]) < 2 for t in leaders):
        return [t for t in leaders if len(values[t]) < min(2, repeats)]
    in_order = sorted(leaders, key=lambda t: (-sign * fmean(values[t]), t))
    spread = _pooled_deviation([values[t] for t in in_order])
    near = [t for i, t in enumerate(in_order) if i < LEAST or _is_near(values[in_order[0]], values[t], spread)]
    return [t for t in near if len(values[t]) < repeats]


def _is_near(leading: Sequence[float], other: Sequence[float], spread: float) -> bool:
    error = spread * math.sqrt(1 / len(leading) + 1 / len(other))
    return abs(fmean(leading) - fmean(other)) <= 2 * error


def _pooled_deviation(groups: Sequence[Sequence[float]]) -> float:
    degrees = sum(len(group) - 1 for group in groups)
    return math.sqrt(sum(stdev(group) ** 2 * (len(group) - 1) for group in groups) / degrees) if degrees else 0.0
