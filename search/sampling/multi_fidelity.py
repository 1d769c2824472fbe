"""A sampler that learns from learning curves, however early they were broken off: for searches that stop trials early.

Optuna's own samplers see a pruned trial as worse than any complete one (TPE), or not at all. This one models the score
of any configuration after any epoch (`search.sampling.model`), and proposes where it expects the largest improvement at
the end of a training. Once trials are stopped, half of the proposals are TPE's, told all trials at one rung: two models
that are wrong in different ways find more than either. It needs neither a reference to the search space nor more than
numpy and scipy.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial
from threadpoolctl import ThreadpoolController

from search.sampling.model.encoding import Array, Encoding
from search.sampling.model.expected_improvement import Proposer, Seconds, conditions
from search.sampling.model.gaussian_process import Observations, Posterior, Process
from search.sampling.model.learning_curves import Curve, Curves, as_scores, curve_of, standardized
from search.sampling.model.random_values import FIRST, random_value
from search.sampling.thinned import TPEAtOneRung

_RANDOM, _RANDOM_WITHOUT_TRUST = 0.125, 0.6
"""Share of random proposals, while the model predicts better than chance and while it does not."""
_BY_DENSITIES = 0.5
"""Share of TPE's among the other proposals, once a trial was stopped."""
MODELLED = "modelled"
"""User attribute of a trial that a model proposed: it is like what did well, and no fair sample of the space."""
_GROWTH = 1.2
"""The model's parameters are learnt anew whenever there are so many times the trials."""
_STEPS = 15
"""Of the optimizer, each time."""
_ABOUT, _AT_MOST = 0.1, 2.0
"""Trust in the model: what counts as the same time, and what one trial can add or take."""


@dataclass(frozen=True)
class _Told:
    """What the model is told, and the places of the trials that it comes from."""

    seen: Observations
    places: Array


FORESEEN_Z = 1.2816
"""Standard deviations to each side within which eight in ten values lie."""


@dataclass(frozen=True)
class Foreseen:
    """The metric that a running trial is expected to have at its best epoch, if it goes on to its last."""

    value: float
    low: float
    high: float
    """Eight in ten trials are expected between `low` and `high`."""


class MultiFidelitySampler(BaseSampler):
    """Gaussian process over configurations and epochs, with expected improvement at the last epoch.

    Steps of `trial.report` are epochs, from 1; without reports it models final values alone. `max_epochs`: of a whole
    training; None: the largest that any trial has reported. A trial that ends FAIL counts as one that the
    configuration is to blame for, unless it has the user attribute `discarded`. Where trials have the user attribute
    `epoch_seconds`, it looks for the largest improvement per second.
    """

    def __init__(self, seed: int | None = None, max_epochs: int | None = None) -> None:
        self._rng = np.random.default_rng(seed)
        self._independent = RandomSampler(seed=seed)
        self._seed = seed
        self._max_epochs = max_epochs
        self._blas = ThreadpoolController()
        self._distributions: dict[str, BaseDistribution] = {}
        self._forget()

    def _forget(self) -> None:
        self._encoding = Encoding(self._distributions)
        self._densities: TPEAtOneRung | None = None
        self._is_timed = False
        self._ended, self._running = Curves(), list[Curve]()
        self._read, self._open = 0, set[int]()
        self._theta: Array | None = None
        self._fitted, self._trust = 0, 0.0

    def reseed_rng(self) -> None:
        """As Optuna asks of a sampler that is used in several processes."""
        self._rng = np.random.default_rng()
        self._independent.reseed_rng()
        self._seed = None
        if self._densities is not None:
            self._densities.reseed()

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Every parameter that any trial has had, also those under a condition."""
        self._take_in(study)
        return dict(self._distributions)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Values of all parameters that the proposal has; none for a random proposal."""
        self._take_in(study)  # Again: Optuna asks for values when the first is needed, and more may have come in.
        share = _RANDOM if self._trust >= 0 else _RANDOM_WITHOUT_TRUST
        reported = len(self._ended) + sum(bool(curve.points) for curve in self._running)
        if reported < FIRST or self._rng.random() < share or not self._encoding.axes:
            return {}
        try:
            with self._blas.limit(limits=1, user_api="blas"):  # More threads cost time, and trials need the cores.
                found = self._by_densities() or self._propose()
        except (np.linalg.LinAlgError, FloatingPointError, ValueError):
            return {}  # A model that cannot be computed costs a random proposal, and never the search.
        if found:
            study._storage.set_trial_user_attr(trial._trial_id, MODELLED, True)
        return found

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """At random: what no trial has had so far, and all of a random proposal."""
        value = random_value(param_distribution, trial.number, self._rng)
        if value is not None:
            return value
        return self._independent.sample_independent(study, trial, param_name, param_distribution)

    def foresee(self, study: Study) -> dict[int, Foreseen]:
        """What running trials that have reported will end with if they go on, by number; empty without a model.

        It is empty too while the model foresees no better than chance. What has ended since the latest proposal is not
        taken in: proposals would else depend on whether anybody looks.
        """
        if self._theta is None or self._trust < 0:
            return {}
        trials = study._storage.get_all_trials(study._study_id, deepcopy=False)
        sign = 1 if study.direction == StudyDirection.MAXIMIZE else -1
        running = dict[int, Curve]()
        for trial in [*(trials[number] for number in sorted(self._open)), *trials[self._read :]]:
            if not trial.state.is_finished() and trial.distributions.keys() <= self._distributions.keys():
                curve = curve_of(trial, self._encoding, sign)
                if curve is not None and curve.points:
                    running[trial.number] = curve
        try:
            with self._blas.limit(limits=1, user_api="blas"):
                return self._ends_of(running, sign) if running else {}
        except (np.linalg.LinAlgError, FloatingPointError, ValueError):
            return {}

    def _ends_of(self, running: Mapping[int, Curve], sign: int) -> dict[int, Foreseen]:
        ended = self._ended.select()
        known = [*ended, *running.values()]
        told = self._tell(known)
        if told is None:
            return {}
        rows = len(ended) + np.arange(len(running))
        posterior = Process(len(self._encoding.axes), self._theta).posterior(told.seen)
        mean, sd = posterior.predict_ends(self._encoding.features(told.places[rows]), rows)
        best = np.array([curve.points[-1][1] for curve in running.values()])
        scores = [score for curve in known for _, score in curve.points]
        # No training ends with less than it has already, since its best epoch counts.
        low, middle, high = (np.maximum(best, as_scores(mean + z * sd, scores)) for z in (-FORESEEN_Z, 0, FORESEEN_Z))
        found = zip(*((sign * bound).tolist() for bound in (middle, low, high)), strict=True)
        return {
            number: Foreseen(value, *sorted(bounds)) for number, (value, *bounds) in zip(running, found, strict=True)
        }

    # What the study knows

    def _take_in(self, study: Study) -> None:
        trials = study._storage.get_all_trials(study._study_id, deepcopy=False)
        sign = 1 if study.direction == StudyDirection.MAXIMIZE else -1
        fresh = [trials[number] for number in sorted(self._open)] + trials[self._read :]
        if self._widen(fresh):
            self._forget()
            fresh = trials
        self._read, self._open, self._running = len(trials), set(), []
        if self._densities is None:
            self._densities = self._new_densities(study)
        for trial in fresh:
            curve = curve_of(trial, self._encoding, sign)
            self._is_timed |= curve is not None and curve.seconds is not None
            if not trial.state.is_finished():
                self._open.add(trial.number)
                self._running += [] if curve is None else [curve]
            elif curve is not None:
                self._ended.add(curve)
                self._densities.take(trial)

    def _new_densities(self, study: Study) -> TPEAtOneRung:
        seed = None if self._seed is None else self._seed + 1
        return TPEAtOneRung(seed, FIRST, study.direction == StudyDirection.MAXIMIZE)

    def _widen(self, trials: Sequence[FrozenTrial]) -> bool:
        """Make room for their parameters; whether anything has changed. A range that moves is taken at its widest."""
        before = dict(self._distributions)
        for trial in trials:
            for name, of in trial.distributions.items():
                self._distributions[name] = _widest(self._distributions.get(name, of), of)
        return before != self._distributions

    # The model

    def _by_densities(self) -> dict[str, Any]:
        """Half of the proposals, TPE's; nothing where it has no say: nothing was stopped, or seconds are to count."""
        if self._densities is None or not self._densities.has_stopped or self._is_timed:
            return {}
        return self._densities.propose(self._distributions) if self._rng.random() < _BY_DENSITIES else {}

    def _propose(self) -> dict[str, Any]:
        curves = self._ended.select()
        told = self._tell([*curves, *(curve for curve in self._running if curve.points)])
        if told is None:
            return {}
        process = Process(len(self._encoding.axes), self._theta)
        if len(self._ended) >= _GROWTH * self._fitted:
            self._check(process, told, len(curves))
            process.fit(told.seen, _STEPS)
            self._theta, self._fitted = process.theta, len(self._ended)
        posterior, tried = self._with_running(process, told)
        seconds = self._seconds([*curves, *self._running])
        proposer = Proposer(self._encoding, conditions(tried, self._encoding), self._rng, seconds)
        return self._encoding.values(proposer.propose(posterior, tried))

    def _seconds(self, curves: Sequence[Curve]) -> Seconds | None:
        """What an epoch of any configuration takes; None while too few trials say it."""
        told = [(curve.places, curve.seconds) for curve in curves if curve.seconds is not None]
        if len(told) < FIRST:
            return None
        places, seconds = zip(*told, strict=True)
        return Seconds(self._encoding.features(np.array(places)), np.array(seconds))

    def _tell(self, curves: Sequence[Curve]) -> _Told | None:
        rows = [(i, epoch, score) for i, curve in enumerate(curves) for epoch, score in curve.points]
        scores = standardized([score for *_, score in rows])
        if scores is None:
            return None
        places = np.array([curve.places for curve in curves])
        training = np.array([i for i, *_ in rows])
        epochs = np.array([epoch for _, epoch, _ in rows])
        last = max([self._max_epochs or 1, *epochs[np.isfinite(epochs)]])
        time = np.log(np.minimum(epochs, last)) / math.log(last) if last > 1 else np.ones(len(epochs))
        features = self._encoding.features(places)[training]
        return _Told(Observations(features, self._encoding.groups, time, training, scores), places)

    def _check(self, process: Process, told: _Told, ended: int) -> None:
        """Trust the model by how well it foresaw, with its former parameters, what has come in since it was fitted.

        Measured is the logarithm of the density that it gave to the last score of each new trial, against that of a
        normal distribution around all older scores of about the same epoch.
        """
        new = told.seen.training >= ended - (len(self._ended) - self._fitted)
        if self._theta is None or not new.any() or new.all():
            return
        last = np.diff(told.seen.training, append=-1) != 0
        gains = _gains(process, told.seen.at(~new), told.seen.at(new & last))
        if gains:
            self._trust = 0.5 * self._trust + 0.5 * float(np.mean(gains))

    def _with_running(self, process: Process, told: _Told) -> tuple[Posterior, Array]:
        """The model as if the running trials had already ended as it expects, so that none is proposed twice."""
        posterior = process.posterior(told.seen)
        if not self._running:
            return posterior, told.places
        places = np.array([curve.places for curve in self._running])
        features = self._encoding.features(places)
        mean, _ = posterior.predict(features, 1.0)
        return process.posterior(told.seen.with_ends(features, mean)), np.concatenate([told.places, places])


def _gains(process: Process, older: Observations, newer: Observations) -> list[float]:
    """What the model adds to the logarithm of the density of each newer score that there is something to measure by."""
    posterior, gains = process.posterior(older), []
    for row, score in enumerate(newer.score):
        about = older.score[np.abs(older.time - newer.time[row]) < _ABOUT]
        if len(about) >= FIRST:
            mean, sd = posterior.predict(newer.features[row : row + 1], float(newer.time[row]))
            model = _log_density(score, float(mean[0]), math.hypot(float(sd[0]), process.deviation))
            baseline = _log_density(score, float(about.mean()), float(about.std()) + process.deviation)
            gains.append(min(_AT_MOST, max(-_AT_MOST, model - baseline)))
    return gains


def _log_density(value: float, mean: float, sd: float) -> float:
    return -0.5 * ((value - mean) / sd) ** 2 - math.log(sd)


def _widest(known: BaseDistribution, of: BaseDistribution) -> BaseDistribution:
    if known == of or isinstance(known, CategoricalDistribution) or type(known) is not type(of):
        return of
    assert isinstance(known, FloatDistribution | IntDistribution)
    assert isinstance(of, FloatDistribution | IntDistribution)
    low, high = min(known.low, of.low), max(known.high, of.high)
    return type(of)(low, high, log=of.log, step=of.step)  # type: ignore[arg-type]  # both of one kind
