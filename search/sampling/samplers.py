"""Makes samplers by name, with a clear error where one needs a package that is not installed."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import (
    BaseSampler,
    CmaEsSampler,
    GPSampler,
    NSGAIISampler,
    QMCSampler,
    RandomSampler,
    TPESampler,
)
from optuna.study import Study
from optuna.trial import FrozenTrial

from search.errors import SearchError
from search.sampling.multi_fidelity import MultiFidelitySampler
from search.sampling.thinned import ThinnedStorage

RANDOM_SHARE = 1 / 3
"""Share of random proposals once a trial was stopped, as in BOHB (Falkner et al., ICML 2018)."""
POPULATION = 20
"""Trials in a generation of nsga2: Optuna's 50 would be random for as long as most searches last."""
NON_ADAPTIVE = frozenset({"random", "grid", "qmc"})
"""Samplers that propose the same whatever has been found."""
DELAY_TOLERANT = frozenset({"tpe"})
"""Samplers that learn, and find as much where a proposal knows one trial less (`benchmarks.samplers --at-once 3 4`)."""
_NEEDS = {"gp": "torch", "cmaes": "cmaes"}


class PartlyRandomTPE(TPESampler):
    """TPE that proposes a third of the configurations at random: early values can mislead it, and so it still explores.

    It is TPE alone as long as no trial was stopped.
    """

    def __init__(self, seed: int, several: bool = False) -> None:
        # Jointly over the parameters (`multivariate`), which finds the optimum of Branin and Hartmann 6 in fewer
        # trials. Parameters under a condition are sampled one by one: `group`, which takes them jointly too, was no
        # better on a conditional space over 60 seeds, alone and with 4 trials at once. With several objectives one by
        # one, since jointly it crowds at one end of the front (benchmarks.objectives).
        super().__init__(seed=seed, multivariate=not several)
        self._explore_rng = np.random.default_rng(seed)  # Optuna has a `_rng` of its own.
        self._is_random = False

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return the parameters that TPE takes jointly; none for a random proposal."""
        stopped = isinstance(study._storage, ThinnedStorage) and study._storage.has_stopped
        self._is_random = stopped and self._explore_rng.random() < RANDOM_SHARE
        return {} if self._is_random else super().infer_relative_search_space(study, trial)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Return a random value for a random proposal, else TPE's."""
        if self._is_random:
            return self._random_sampler.sample_independent(study, trial, param_name, param_distribution)
        return super().sample_independent(study, trial, param_name, param_distribution)


def make_sampler(name: str, seed: int, max_epochs: int | None = None, several: bool = False) -> BaseSampler:
    """Return the sampler of that name; raises SearchError for a missing package.

    `max_epochs` is the largest number of epochs of a trial, or None where it is not known; `several`: it has several
    objectives to learn from.
    """
    if name == "tpe":
        return PartlyRandomTPE(seed, several)
    if name == "mfgp":
        return MultiFidelitySampler(seed, max_epochs)
    package = _NEEDS.get(name)
    if package and importlib.util.find_spec(package) is None:
        raise SearchError(
            f"sampler {name!r} needs the package {package!r}, which is not installed. "
            f"Install it: pip install 'keras-search[{name}]'."
        )
    with warnings.catch_warnings():
        # QMC is marked experimental: it may change with a major version, which pyproject.toml bounds.
        warnings.simplefilter("ignore", ExperimentalWarning)
        return _MAKERS[name](seed)


def _random(seed: int) -> BaseSampler:
    return RandomSampler(seed=seed)


def _qmc(seed: int) -> BaseSampler:
    return QMCSampler(seed=seed, scramble=True, warn_independent_sampling=False)


def _gp(seed: int) -> BaseSampler:
    return GPSampler(seed=seed)


def _cmaes(seed: int) -> BaseSampler:
    return CmaEsSampler(seed=seed, warn_independent_sampling=False)


def _nsga2(seed: int) -> BaseSampler:
    return NSGAIISampler(seed=seed, population_size=POPULATION)


_MAKERS: dict[str, Callable[[int], BaseSampler]] = {
    "random": _random,
    # A grid is enumerated from the space; its sampler is never asked.
    "grid": _random,
    "qmc": _qmc,
    "gp": _gp,
    "cmaes": _cmaes,
    "nsga2": _nsga2,
}
