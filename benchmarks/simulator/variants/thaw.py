"""Freeze-thaw: a stopped trial is only paused, and a free worker takes it or a new one, whichever promises more.

Promises: the expected improvement of the best value that has been reached, for the epochs that it costs, where a trial
is trained to a rung first and to its end only if it then still looks worth it. All come from one model of curves, that
of `mfgp` (Swersky et al., 2014; Rakotoarison et al., ICML 2024). Two kinds: with the product's stopping rule, whose
stopped trials can go on later, and without one, where every trial pauses at each rung. As in `mfgp`, half of what is
proposed is TPE's once trials were stopped, and the rule compares with random trials at its first rungs.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from benchmarks.simulator.clock import Job
from benchmarks.simulator.task import Task
from benchmarks.simulator.variants.curve_model import NONE, CurveModel, promise
from search.sampling import Sampling
from search.sampling.model.encoding import Array
from search.sampling.model.expected_improvement import Proposer, conditions
from search.sampling.model.gaussian_process import Process
from search.sampling.model.learning_curves import Curve, Curves, curve_of
from search.sampling.multi_fidelity import MODELLED, MultiFidelitySampler
from search.space import Config
from search.stopping import Decision, make_rule

_FIRST = 8
"""Trials that have reported before there is a model."""
_RANDOM = 0.125
"""Share of random new trials."""
_GROWTH, _STEPS = 1.35, 15
"""The model's parameters are learnt anew, in so many steps, whenever there are so many times the values."""
_LOOKED_AT = 40
"""Paused trials whose promise is computed: those that may end best; and trials around which a new one is sought."""
_REACHED = 20
"""Best reports, of which the best without noise is in hand."""


@dataclass
class Open:
    """A trial that runs or is paused."""

    trial_id: str
    config: Config
    number: int
    seed: int
    epoch: int = 0
    best: float | None = None
    until: int | None = None
    """The epoch to which it is trained now; None: it is paused."""


class ThawSampler(MultiFidelitySampler):
    """The sampler of the product, which also says whether a paused trial goes on instead of its proposal."""

    def __init__(self, seed: int, epochs: int, rungs: list[int]) -> None:
        super().__init__(seed, epochs)
        self.open: dict[int, Open] = {}
        self._epochs, self._rungs = epochs, rungs
        self._proposal: dict[str, Any] = {}
        self._fitted_to = 0
        self._curve_of: dict[int, tuple[int, Curve | None]] = {}
        """Reports and curve of each trial that is open."""
        self._learnt: list[FrozenTrial] = []
        """What TPE is told: each trial as it was when it ended or paused."""

    def sample_relative(self, study: Study, trial: FrozenTrial, search_space: dict[str, Any]) -> dict[str, Any]:
        """The proposal that was preferred to all paused trials."""
        proposal, self._proposal = self._proposal, {}
        if proposal:
            study._storage.set_trial_user_attr(trial._trial_id, MODELLED, True)
        return proposal

    def learn(self, study: Study, number: int, *, paused: bool) -> None:
        """Let TPE know a trial that has ended or been stopped; one that goes on later it knows as both."""
        trial = copy.deepcopy(study._storage.get_all_trials(study._study_id, deepcopy=False)[number])
        if paused:
            trial.state = TrialState.PRUNED
        self._learnt.append(trial)
        if self._densities is not None:
            self._densities.take(trial)

    def choose(self, study: Study) -> int | None:
        """The number of the paused trial that goes on; None: a new one begins."""
        self._proposal = {}
        self._take_in(study)
        if len(self._ended) + sum(was.epoch > 0 for was in self.open.values()) < _FIRST:
            return None
        try:
            with self._blas.limit(limits=1, user_api="blas"):
                return self._choose(study)
        except (np.linalg.LinAlgError, FloatingPointError, ValueError):
            return None

    def _take_in(self, study: Study) -> None:
        """Read only what is new: many trials stay open for long."""
        trials = study._storage.get_all_trials(study._study_id, deepcopy=False)
        bare = [number for number in self._open if self._curve_of.get(number, (0, None))[1] is None]
        if self._widen([trials[number] for number in [*bare, *range(self._read, len(trials))]]):
            self._forget()
            self._curve_of = {}
        fresh = self._open | set(range(self._read, len(trials)))
        self._read, self._open = len(trials), set()
        for number in sorted(fresh):
            trial, reports = trials[number], len(trials[number].intermediate_values)
            ended = trial.state.is_finished()
            known = self._curve_of.get(number, (-1, None))
            if not ended:
                self._open.add(number)
                if known[0] == reports and known[1] is not None:
                    continue
            curve = curve_of(trial, self._encoding, 1 if study.direction.name == "MAXIMIZE" else -1)
            if not ended:
                self._curve_of[number] = reports, curve
            elif curve is not None:
                self._ended.add(curve)

    def _choose(self, study: Study) -> int | None:
        if self._densities is None:
            self._densities = self._new_densities(study)
            for trial in self._learnt:
                self._densities.take(trial)
        curves, number_of = Curves(), dict[int, int]()
        for curve in self._ended._curves:
            curves.add(curve)
        for number, was in self.open.items():
            if was.epoch and (begun := self._curve_of[number][1]) is not None:
                curves.add(begun)
                number_of[id(begun)] = number
        chosen = curves.select()
        told = self._tell(chosen)
        if told is None:
            return None
        process = Process(len(self._encoding.axes), self._theta)
        if curves._points >= _GROWTH * self._fitted_to:
            process.fit(told.seen, _STEPS)
            self._theta, self._fitted_to = process.theta, curves._points
        row_of = {number_of[id(curve)]: row for row, curve in enumerate(chosen) if id(curve) in number_of}
        model, tried = self._with_targets(study, CurveModel(process, told.seen), told.places, row_of)
        return self._better(model, tried, row_of)

    def _with_targets(
        self, study: Study, model: CurveModel, places: Array, row_of: dict[int, int]
    ) -> tuple[CurveModel, Array]:
        """The model as if what runs had come to where it is trained to, and the places of all that it knows."""
        running = [(number, was.until) for number, was in self.open.items() if was.until is not None]
        if not running:
            return model, places
        trials = study._storage.get_all_trials(study._study_id, deepcopy=False)
        own = np.array([self._encoding.places(trials[number].params) for number, _ in running])
        training = np.array([row_of.get(number, len(places) + i) for i, (number, _) in enumerate(running)])
        time = np.log([until for _, until in running]) / math.log(self._epochs)
        model = model.expecting(self._encoding.features(own), time, training)
        return model, np.concatenate([places, own])

    def _better(self, model: CurveModel, tried: Array, row_of: dict[int, int]) -> int | None:
        features, seen = self._encoding.features(tried), model.seen
        mean, _, variance = model.predict(features, np.ones(len(tried)), np.arange(len(tried)))
        proposer = Proposer(self._encoding, conditions(tried, self._encoding), self._rng)
        new = proposer.propose(model.posterior, tried[np.argsort(-mean)[:_LOOKED_AT]])
        high = mean + np.sqrt(variance)
        paused = [(number, row) for number, row in row_of.items() if self.open[number].until is None]
        paused = sorted(paused, key=lambda pair: -high[pair[1]])[:_LOOKED_AT]
        best = np.argsort(-seen.score)[:_REACHED]
        in_hand = model.predict(seen.features[best], seen.time[best], seen.training[best])[0].max()
        found = promise(
            model,
            np.concatenate([features[[row for _, row in paused]], self._encoding.features(new[None, :])]),
            np.array([*(row for _, row in paused), NONE]),
            np.array([*(self.open[number].epoch for number, _ in paused), 0]),
            best=float(in_hand),
            rungs=self._rungs,
        )
        chosen = int(np.argmax(found))
        if chosen < len(paused):
            return paused[chosen][0]
        if self._rng.random() >= _RANDOM:
            self._proposal = self._by_densities() or self._encoding.values(new)
        return None


class Thaw:
    """A search in which a stopped trial is paused.

    With a `rule`, it stops trials, and what a worker takes is trained until then; without, to the next rung.
    """

    def __init__(self, task: Task, seed: int, rule: str | None = None) -> None:
        self._sampling, self._task = Sampling(task.space, None, sampler="mfgp", seed=seed), task
        self._rule = make_rule(rule, task.mode, {}, task.epochs, self._sampling.is_modelled) if rule else None
        rungs = make_rule("asha", task.mode, {}, task.epochs).rungs() or ()
        self._rungs = [*(rung for rung in rungs if rung < task.epochs), task.epochs]
        self._study = self._sampling._drawing._study
        self._sampler = self._study.sampler = ThawSampler(seed, task.epochs, self._rungs)
        self._open: dict[str, Open] = {}

    def ask(self) -> Job | None:
        """Return a paused trial, or a new one."""
        number = self._sampler.choose(self._study)
        was = self._begin() if number is None else self._sampler.open[number]
        if was is None:
            return None
        was.until = self._task.epochs if self._rule else min(rung for rung in self._rungs if rung > was.epoch)
        return Job(was.trial_id, was.config, was.seed, was.epoch, was.until)

    def _begin(self) -> Open | None:
        proposal = self._sampling.ask()
        if proposal is None:
            return None
        number = self._sampling._running[proposal.trial_id].drawn_number
        was = Open(proposal.trial_id, proposal.config, number, proposal.number)
        self._open[was.trial_id] = self._sampler.open[number] = was
        return was

    def report(self, trial_id: str, epoch: int, value: float) -> bool:
        """Tell the sampler, and return whether the trial pauses here."""
        self._sampling.report(trial_id, epoch, value)
        was, better = self._open[trial_id], max if self._task.mode == "max" else min
        was.epoch, was.best = epoch, value if was.best is None else better(value, was.best)
        if self._rule is None or self._rule.decide(trial_id, epoch, value) is not Decision.STOP:
            return False
        self._rule.end(trial_id)
        was.until = None
        self._sampler.learn(self._study, was.number, paused=True)
        return True

    def end(self, trial_id: str, value: float | None) -> None:
        """Pause a trial at its rung, or tell that it is complete or has failed."""
        was, failed = self._open[trial_id], value is None or math.isnan(value)
        if not failed and was.epoch < self._task.epochs:
            was.until = None
            return
        if self._rule:
            self._rule.end(trial_id)
        if self._rule and failed:
            self._rule.forget(trial_id)
        del self._open[trial_id], self._sampler.open[was.number]
        self._sampling.tell(trial_id, "failed" if failed else "complete", None if failed else was.best)
        self._sampler.learn(self._study, was.number, paused=False)
