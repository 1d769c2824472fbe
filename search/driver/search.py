"""One search, put together from its plan and its folder: its trials, what is next, what came back; and a snapshot."""

from __future__ import annotations

import dataclasses
import math
import time
from dataclasses import dataclass
from pathlib import Path

from search.driver.history import History, read_history
from search.driver.recorder import Recorder
from search.driver.trial_queue import TrialQueue
from search.driver.trials import Trials
from search.experiment.folder import Experiment
from search.planning.plan import Plan
from search.sampling import Sampling
from search.screen.snapshot import BestTrial, FrontSoFar, RunningTrial, Snapshot
from search.stopping import StoppingRule, make_rule
from search.trial.messages import SearchContext
from search.trial.process import import_path


@dataclass(frozen=True)
class Search:
    """What leads one search, without Ray."""

    plan: Plan
    rule: StoppingRule
    trials: Trials
    recorder: Recorder
    """What came back."""
    queue: TrialQueue
    """What is next."""
    epochs_before: int
    """Epochs that earlier runs of the driver have trained."""
    sampling: Sampling


def open_search(plan: Plan, experiment: Experiment) -> Search:
    """The search of a plan, with everything that an earlier run of it has stored in the folder."""
    space = plan.space
    sampling = Sampling(space, experiment.journal, sampler=space.sampler, seed=plan.seed, name=plan.name)
    sampling.know(plan.known)
    rule = make_rule(space.stopping, space.mode, space.stopping_options, plan.max_epochs, sampling.is_modelled)
    trials = Trials(space.mode)
    recorder = Recorder(plan, experiment, trials, sampling, rule)
    history = read_history(experiment, space, plan.options.retry_failed)
    queue = TrialQueue(plan, trials, recorder, sampling, rule)
    search = Search(plan, rule, trials, recorder, queue, history.epochs, sampling)
    _restore(search, sampling, history)
    return search


def _restore(search: Search, sampling: Sampling, history: History) -> None:
    search.queue.begun_before = history.begun
    search.trials.epochs, search.trials.reached = history.epochs, history.reached
    sampling.resume(history.finished, history.running)
    search.trials.parents |= history.parents
    for trial_id, epoch, value in history.reports:
        search.rule.decide(trial_id, epoch, value)
    space, proposed = search.plan.space, sampling.configurations()
    if space.declared and any(config.keys() - space.parameters.keys() for config in proposed.values()):
        search.recorder.search_late_parameters()
    for stored in history.ended:
        # Of settings that a function makes up, a table cannot tell a list from its text.
        known = stored.config if space.declared else proposed.get(stored.repeat_of or stored.trial_id, stored.config)
        ended = dataclasses.replace(stored, config=known)
        search.rule.end(stored.trial_id)
        search.trials.end(ended)
        search.recorder.models.offer(ended)
    if search.queue.members is not None:
        search.queue.members.restore(history)
    search.recorder.forget_left_checkpoints()


def context_of(plan: Plan, root: Path, token: str, rungs: tuple[int, ...] | None) -> SearchContext:
    """What training processes are told of the search; `root` is its folder, `token` what the folder's lock says."""
    return SearchContext(
        space_file=plan.space_file,
        import_path=import_path(),
        experiment=str(root.resolve()),
        token=token,
        store=plan.store,
        metric=plan.space.metric,
        mode=plan.space.mode,
        goals=plan.space.goals,
        split_seed=plan.seed,
        data_dir=str(plan.data_dir.resolve()) if plan.data_dir else None,
        contents=plan.contents,
        asked=plan.asked,
        rungs=rungs,
        interval=None if plan.space.population is None else plan.space.population.interval,
        trial_timeout_s=plan.options.trial_timeout_s,
    )


def snapshot(search: Search, slots: int, begun: float, foresee: bool = False) -> Snapshot:
    """Where the search stands; `begun` is the `time.monotonic` at which this run of the driver began.

    `foresee` asks the sampler what running trials will end with.
    """
    plan, trials, recorder = search.plan, search.trials, search.recorder
    counts, best = trials.counts(), trials.leading
    expected = _expected(search) if foresee else {}
    running = tuple(
        RunningTrial(
            trial.spec.trial_id,
            len(trial.epochs),
            trial.epochs[-1][plan.space.metric] if trial.epochs else None,
            time.monotonic() - (trial.begun or trial.spec.proposed_at),
            trial.config,
            expected.get(trial.spec.trial_id),
        )
        for trial in trials.running.values()
        if trial.has_worker
    )
    return Snapshot(
        name=plan.name,
        metric=plan.space.metric,
        trials=plan.trials,
        **counts,
        repeats=trials.repeats(),
        running=running,
        slots=slots,
        best=BestTrial(best.trial_id, best.value, best.config) if best and best.value is not None else None,
        elapsed_s=time.monotonic() - begun,
        left_s=_left_s(search, time.monotonic() - begun),
        max_epochs=_longest(search),
        closing=search.queue.closing,
        repeats_due=plan.space.repeats > 1,
        latest_failure=recorder.latest_failure,
        events=tuple(recorder.events),
        epochs=trials.epochs,
        epoch_budget=plan.options.epoch_budget,
        front=_front(search),
    )


def _front(search: Search) -> FrontSoFar | None:
    """How large the front is, and the best of each objective; None with one objective, and before a trial is on it."""
    objectives = search.plan.space.objectives
    on = search.recorder.front() if objectives else {}
    if not on:
        return None
    best = []
    for place, (name, mode) in enumerate(objectives.items()):
        trial_id = (max if mode == "max" else min)(on, key=lambda one: on[one][place])
        best.append((name, on[trial_id][place], trial_id))
    return FrontSoFar(len(on), tuple(best))


def _expected(search: Search) -> dict[str, tuple[float, float, float]]:
    """What running trials will end with, by trial_id; nothing where early epochs have fewer images than the last."""
    if search.rule.growth().steps:
        return {}
    most = 1.0 if search.plan.space.metric.endswith("accuracy") else math.inf
    found = search.sampling.foresee().items()
    return {trial_id: (min(most, end.value), min(most, end.low), min(most, end.high)) for trial_id, end in found}


def _left_s(search: Search, elapsed_s: float) -> float | None:
    """Seconds until all configurations have ended or the epoch budget is used up, whichever is first."""
    pace, budget = search.recorder.seconds_per_trial(), search.plan.options.epoch_budget
    if pace is None:
        return None
    by_trials = pace * (search.plan.trials - sum(search.trials.counts().values()))
    here = search.trials.epochs - search.epochs_before
    if budget is None or not here:
        return by_trials
    return min(by_trials, max(0.0, elapsed_s * (budget - search.trials.epochs) / here))


def _longest(search: Search) -> int | None:
    """Epochs of a whole trial, where they are known: more than a training's where that begins anew at each rung."""
    epochs = search.plan.max_epochs
    if not epochs:
        return epochs
    return max((trial.spec.growth.length(epochs) for trial in search.trials.running.values()), default=epochs)
