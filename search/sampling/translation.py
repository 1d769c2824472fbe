"""Translates a space into Optuna's terms and back, whatever gives its parameters."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping

import optuna
from optuna.samplers import RandomSampler
from optuna.trial import BaseTrial

from search.sampling.declared import Declared, Translation
from search.sampling.functions import Built, DefinedByRun
from search.space import Space
from search.space.building.space_process import BuildApart

_TRIED = 3


def translate(space: Space) -> Translation:
    """Return the translation for declared parameters, for a define-by-run function, or for a HyperModel."""
    if space.declared:
        return Declared(space)
    return Built(space.parameters) if isinstance(space.parameters, BuildApart) else DefinedByRun(space.parameters)


def check_function(function: Callable[[BaseTrial], Mapping[str, object] | None]) -> None:
    """Draw from a define-by-run function a few times; raises SearchError with file and line for what is wrong in it."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # Optuna would print a line about the study.
    study = optuna.create_study(sampler=RandomSampler(seed=0))
    for _ in range(_TRIED):
        with contextlib.suppress(optuna.TrialPruned):
            DefinedByRun(function).draw(study.ask())
