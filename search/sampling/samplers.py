"""Makes samplers by name, with a clear error where one needs a package that is not installed."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Callable

from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, CmaEsSampler, GPSampler, QMCSampler, RandomSampler, TPESampler

from search.errors import SearchError
from search.sampling.multi_fidelity import MultiFidelitySampler

_NEEDS = {"gp": "torch", "cmaes": "cmaes"}


def make_sampler(name: str, seed: int, max_epochs: int | None = None) -> BaseSampler:
    """Return the sampler of that name; raises SearchError for a missing package.

    `max_epochs` is the largest number of epochs of a trial, or None where it is not known.
    """
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


def _tpe(seed: int) -> BaseSampler:
    # With `multivariate` it samples jointly over the parameters, which finds the optimum of Branin and Hartmann 6 in
    # fewer trials. Parameters under a condition are sampled one by one: `group`, which takes them jointly too, was no
    # better on a conditional space over 60 seeds, alone and with 4 trials at once.
    return TPESampler(seed=seed, multivariate=True)


def _random(seed: int) -> BaseSampler:
    return RandomSampler(seed=seed)


def _qmc(seed: int) -> BaseSampler:
    return QMCSampler(seed=seed, scramble=True, warn_independent_sampling=False)


def _gp(seed: int) -> BaseSampler:
    return GPSampler(seed=seed)


def _cmaes(seed: int) -> BaseSampler:
    return CmaEsSampler(seed=seed, warn_independent_sampling=False)


_MAKERS: dict[str, Callable[[int], BaseSampler]] = {
    "tpe": _tpe,
    "random": _random,
    # A grid is enumerated from the space; its sampler is never asked.
    "grid": _random,
    "qmc": _qmc,
    "gp": _gp,
    "cmaes": _cmaes,
}
