"""The samplers by name, and a clear error where one needs a package that is not installed."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable

from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, CmaEsSampler, GPSampler, QMCSampler, RandomSampler, TPESampler

from search.errors import SearchError
from search.space import Space

_NEEDS = {"gp": "torch", "cmaes": "cmaes"}


def make_sampler(name: str, space: Space, seed: int) -> BaseSampler:
    """Optuna's sampler of that name; raises SearchError for a missing package or a space without a grid."""
    package = _NEEDS.get(name)
    if package and importlib.util.find_spec(package) is None:
        raise SearchError(
            f"sampler {name!r} needs the package {package!r}, which is not installed. "
            f"Install it: pip install 'keras-search[{name}]'."
        )
    with warnings.catch_warnings():
        # QMC, CMA-ES options and `group` are marked experimental: their names may change, which the pin in
        # pyproject.toml takes care of.
        warnings.simplefilter("ignore", ExperimentalWarning)
        return _MAKERS[name](space, seed)


def _tpe(space: Space, seed: int) -> BaseSampler:
    return TPESampler(seed=seed, multivariate=True, group=_has_conditions(space))


def _random(space: Space, seed: int) -> BaseSampler:
    return RandomSampler(seed=seed)


def _qmc(space: Space, seed: int) -> BaseSampler:
    return QMCSampler(seed=seed, scramble=True, warn_independent_sampling=False)


def _gp(space: Space, seed: int) -> BaseSampler:
    return GPSampler(seed=seed)


def _cmaes(space: Space, seed: int) -> BaseSampler:
    return CmaEsSampler(seed=seed, warn_independent_sampling=False)


def _has_conditions(space: Space) -> bool:
    return not space.declared or any(parameter.when for parameter in space.parameters.values())


_MAKERS: dict[str, Callable[[Space, int], BaseSampler]] = {
    "tpe": _tpe,
    "random": _random,
    # A grid is enumerated from the space; its sampler is never asked.
    "grid": _random,
    "qmc": _qmc,
    "gp": _gp,
    "cmaes": _cmaes,
}
