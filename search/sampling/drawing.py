"""Draws configurations that were never drawn before, with a sampler that learns from what became of them."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import RandomSampler
from optuna.storages import InMemoryStorage
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from search.errors import SearchError
from search.goals import Values
from search.sampling.declared import Stored, Translation
from search.sampling.journal import CONSTRAINT, optuna_directions
from search.sampling.model.learning_curves import DISCARDED, EPOCH_SECONDS
from search.sampling.multi_fidelity import MODELLED, Foreseen, MultiFidelitySampler
from search.sampling.samplers import make_sampler
from search.sampling.thinned import FAILED, ThinnedStorage
from search.space import Config, Space, fingerprint

_DRAWS = 10
"""Number of the sampler's draws before random ones take over."""
_RANDOM_DRAWS = 1000
"""Number of random draws after which a space that cannot be listed counts as exhausted."""
_KNOW_FAILED = ("mfgp",)
"""Samplers that learn from failed trials as such."""
_KNOW_ONLY_COMPLETE = ("gp", "cmaes", "nsga2")
"""Samplers that learn nothing from pruned and failed trials."""
_KNOW_CONSTRAINTS = ("tpe", "gp", "nsga2")
"""Samplers that learn how far a trial is beyond a constraint; to others one that violates any has failed."""
_LISTED = 10_000
"""Number of configurations up to which a finite space is listed, to pick what is left."""


@dataclass(frozen=True)
class Draw:
    """A configuration, the same in Optuna's terms, and its number in the sampler's study if it is there already.

    `modelled`: a model that learns from trials which are stopped proposed it.
    """

    config: Config
    params: Stored
    distributions: dict[str, BaseDistribution]
    number: int | None
    modelled: bool = False


class Drawing:
    """The sampler at work in a study in memory, which also holds the draws that were thrown away."""

    def __init__(self, space: Space, translation: Translation, sampler: str, seed: int) -> None:
        if sampler == "grid":
            if not space.declared:
                raise SearchError("sampler 'grid' needs declared parameters; expected a dict. Or use another sampler.")
            next(space.grid())  # This raises for a parameter that has no grid, and names it.
        self._space, self._translation = space, translation
        self._sampler, self._seed = sampler, seed
        epochs = space.fixed.get("epochs")
        self._max_epochs = epochs if isinstance(epochs, int) else None
        self._size = space.size() if space.declared else None
        """How many configurations there are; None where that is not known, or there is no end of them."""
        self._grid = space.grid() if sampler == "grid" else None
        self._directions = optuna_directions(space.goals.directions)
        self._worst: Values | None = None
        """The worst value so far, of each objective, which stands for trials that have none."""
        is_thinned = sampler == "tpe" and len(self._directions) == 1
        self._storage = ThinnedStorage(space.mode) if is_thinned else InMemoryStorage()
        self._study = optuna.create_study(
            storage=self._storage,
            sampler=make_sampler(sampler, seed, self._max_epochs, several=len(self._directions) > 1),
            directions=self._directions,
        )
        self._study_id = self._storage.get_study_id_from_name(self._study.study_name)
        self._rng = np.random.default_rng(seed)
        self._drawn: set[str] = set()
        """Fingerprints of the configurations that are not to be drawn again."""
        self._start = deque(space.start)
        """Configurations, or parts of them, that are drawn before all others."""
        if self._grid is not None:
            self._grid = chain(filter(self._is_start, space.grid()), self._grid)

    def _is_start(self, config: Config) -> bool:
        return any(all(config.get(name) == value for name, value in one.items()) for one in self._space.start)

    def know(
        self,
        state: TrialState,
        values: Values | None,
        config: Config,
        reports: Mapping[int, float],
        excess: Mapping[str, float],
    ) -> None:
        """Let the sampler learn from a trial of an earlier search; its configuration may be drawn again."""
        params, distributions = self._translation.store(config)
        state, values = self._shown(state, values, self._has_failed(state == TrialState.FAIL, excess))
        self._study.add_trial(
            create_trial(
                state=state,
                values=values,
                params=params,
                distributions=distributions,
                intermediate_values=self._curve(reports),
                system_attrs=self._constraints(excess),
            )
        )

    def learn(self, trials: Sequence[FrozenTrial], failed: Container[int]) -> None:
        """Take in the trials of an earlier process, and the numbers of those that failed by themselves.

        The sampler gets a new seed, or it would draw its first configurations again.
        """
        known = {trial.user_attrs.get("trial_id") for trial in trials}
        for _ in range(min(len(self._start), len(known))):  # They were the first to be drawn.
            self._start.popleft()
        for trial in trials:
            has_failed = self._has_failed(trial.number in failed, trial.constraints)
            values = None if trial.values is None else tuple(trial.values)
            state, values = self._shown(trial.state, values, has_failed)
            if state != TrialState.FAIL or (has_failed and self._sampler in _KNOW_FAILED):
                self._study.add_trial(
                    create_trial(
                        state=state,
                        values=values,
                        params=trial.params,
                        distributions=trial.distributions,
                        intermediate_values=self._curve(trial.intermediate_values),
                        user_attrs=({FAILED: True} if has_failed else {}) | _timed(trial),
                        system_attrs=self._constraints(trial.constraints),
                    )
                )
        if trials:
            seed = int(np.random.SeedSequence([self._seed, len(trials)]).generate_state(1)[0])
            several = len(self._directions) > 1
            self._study.sampler = make_sampler(self._sampler, seed, self._max_epochs, several)
            self._rng = np.random.default_rng(seed)

    def translate_by(self, translation: Translation) -> None:
        """Draw by another translation from here on, which may show further parameters."""
        self._translation, self._size = translation, None

    def seen(self, config: Config) -> None:
        """Take note of a configuration, which is then never drawn."""
        self._drawn.add(fingerprint(config))

    def draw(self) -> Draw | None:
        """Return a new configuration, or None if there is none left."""
        if self._size is not None and len(self._drawn) >= self._size:
            return None
        if self._grid is not None:
            return self._first_new()
        for _ in range(_DRAWS + len(self._start)):
            if self._start:
                self._study.enqueue_trial(self._stored(self._start.popleft()))  # The next `ask` of the study gives it.
            trial = self._study.ask()
            config = self._new_from(trial)
            if config is not None:
                attributes = self._storage.get_trial_user_attrs(trial._trial_id)  # The trial itself knows older ones.
                return Draw(config, trial.params, trial.distributions, trial.number, MODELLED in attributes)
            trial.set_user_attr(DISCARDED, True)
            self._study.tell(trial, state=TrialState.FAIL)
        return self._at_random()

    def _stored(self, start: Mapping[str, object]) -> Stored:
        return self._translation.store(dict(start))[0] if self._space.declared else dict(start)

    def _new_from(self, trial: optuna.Trial) -> Config | None:
        """Return what the trial suggests, or None where that was drawn before or the user's function prunes it."""
        try:
            config = self._translation.draw(trial)
        except optuna.TrialPruned:
            return None
        return config if self._is_new(config) else None

    def _first_new(self) -> Draw | None:
        assert self._grid is not None
        return next((self._outside(config) for config in self._grid if self._is_new(config)), None)

    def _at_random(self) -> Draw | None:
        if self._size is not None and self._size <= _LISTED:
            left = [config for config in self._space.grid() if fingerprint(config) not in self._drawn]
            config = left[self._rng.integers(len(left))]
            self.seen(config)
            return self._outside(config)
        study = optuna.create_study(sampler=RandomSampler(seed=int(self._rng.integers(2**31))))
        for _ in range(_RANDOM_DRAWS):
            trial = study.ask()
            new = self._new_from(trial)
            if new is not None:
                return Draw(new, trial.params, trial.distributions, None)
        return None

    def _outside(self, config: Config) -> Draw:
        return Draw(config, *self._translation.store(config), None)

    def _is_new(self, config: Config) -> bool:
        text = fingerprint(config)
        if text in self._drawn:
            return False
        self._drawn.add(text)
        return True

    def start(self, trial: FrozenTrial) -> int:
        """Put a running trial that was drawn elsewhere into the sampler's study, and return its number there."""
        return self._storage.get_trial_number_from_id(self._storage.create_new_trial(self._study_id, trial))

    def _curve(self, reports: Mapping[int, float]) -> dict[int, float]:
        """The values by epoch as the sampler may see them: none of several objectives, which Optuna cannot rank."""
        return dict(reports) if len(self._directions) == 1 else {}

    def _has_failed(self, failed: bool, excess: Mapping[str, float]) -> bool:
        return failed or (self._sampler not in _KNOW_CONSTRAINTS and any(beyond > 0 for beyond in excess.values()))

    def _constraints(self, excess: Mapping[str, float]) -> dict[str, float]:
        """The constraints as Optuna's samplers read them, all of every trial; what is not known counts as kept."""
        return {CONSTRAINT + name: excess.get(name, 0.0) for name in self._space.constraints}

    def report(self, number: int, epoch: int, value: float) -> None:
        """Let the sampler see a report."""
        if not self._curve({epoch: value}):
            return
        trial_id = self._storage.get_trial_id_from_study_id_trial_number(self._study_id, number)
        self._storage.set_trial_intermediate_value(trial_id, epoch, value)

    def foresee(self) -> dict[int, Foreseen]:
        """Return what the sampler expects of running trials, by number; nothing where it has no model of curves."""
        sampler = self._study.sampler
        return sampler.foresee(self._study) if isinstance(sampler, MultiFidelitySampler) else {}

    def time(self, number: int, seconds: float) -> None:
        """Let the sampler see what an epoch of the trial takes."""
        trial_id = self._storage.get_trial_id_from_study_id_trial_number(self._study_id, number)
        self._storage.set_trial_user_attr(trial_id, EPOCH_SECONDS, seconds)

    def timed(self, number: int) -> dict[str, str]:
        """Return what the study is to say of that, for a resume."""
        trial_id = self._storage.get_trial_id_from_study_id_trial_number(self._study_id, number)
        return _timed(self._storage.get_trial(trial_id))

    def finish(
        self, number: int, state: TrialState, values: Values | None, failed: bool, excess: Mapping[str, float]
    ) -> None:
        """Let the sampler see the end of a trial; `failed` says that it failed by itself and was not cut off."""
        failed = self._has_failed(failed, excess)
        state, values = self._shown(state, values, failed)
        trial_id = self._storage.get_trial_id_from_study_id_trial_number(self._study_id, number)
        if failed or state == TrialState.FAIL:
            self._storage.set_trial_user_attr(trial_id, FAILED if failed else DISCARDED, True)
        for name, beyond in self._constraints(excess).items():
            self._storage.set_trial_system_attr(trial_id, name, beyond)
        self._study.tell(number, values if state == TrialState.COMPLETE else None, state)

    def _shown(self, state: TrialState, values: Values | None, failed: bool) -> tuple[TrialState, Values | None]:
        """Return the end of a trial as the sampler is shown it; it would else learn nothing from incomplete trials.

        TPE takes no notice of FAIL, and would go on proposing where training diverges: it is shown a failed trial as a
        pruned one without a value, which is the worst there is. GP, CMA-ES and NSGA-II know only complete trials: they
        are shown a pruned trial as complete with its last value, and a failed one, or one that was stopped and has
        several objectives, as complete with the worst values so far.
        """
        if self._sampler in _KNOW_FAILED:
            # A trial that violates a constraint is complete, and has failed for a sampler that knows no constraints.
            return (TrialState.FAIL, None) if failed else (state, values)
        if self._sampler not in _KNOW_ONLY_COMPLETE:
            return (TrialState.PRUNED, None) if failed else (state, values)
        if not failed and values is not None and all(map(math.isfinite, values)):
            self._worst = values if self._worst is None else self._worse(self._worst, values)
        elif failed or state == TrialState.PRUNED:
            values = self._worst
        return (TrialState.FAIL if values is None else TrialState.COMPLETE), values

    def _worse(self, one: Values, other: Values) -> Values:
        """The worse of both in each objective."""
        chosen = (min if direction == StudyDirection.MAXIMIZE else max for direction in self._directions)
        return tuple(worse(pair) for worse, pair in zip(chosen, zip(one, other, strict=True), strict=True))


def _timed(trial: FrozenTrial) -> dict[str, str]:
    return {EPOCH_SECONDS: str(trial.user_attrs[EPOCH_SECONDS])} if EPOCH_SECONDS in trial.user_attrs else {}
