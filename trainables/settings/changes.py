"""Which settings may be others when a training goes on from a checkpoint: those that leave its weights as they are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trainables.datasets.settings import DATA_SETTINGS
from trainables.errors import TrainableError

_STEP = frozenset({"learning_rate", "weight_decay", "batch_size"})
"""Settings of a single step, whatever the model."""
_IMAGE = _STEP | {"dropout", "head_dropout", "label_smoothing", "augmentation", "random_crop", "mixing_strength"}
"""The same for our networks, with what is done to their images and labels."""

Settings = Mapping[str, Sequence[object]]


def check_image_change(names: Sequence[str], settings: Settings) -> None:
    """Raise TrainableError for a setting with which a training of our networks cannot go on."""
    for name in names:
        if name not in _IMAGE:
            raise _fixed(name, f"expected some of {', '.join(sorted(_IMAGE))}")
    if "two_stage" in settings.get("regime", ()):
        raise TrainableError("a training in two stages cannot go on under other settings; expected another regime.")
    _check_rates(names, settings)


def check_own_change(names: Sequence[str], settings: Settings) -> None:
    """Raise TrainableError for a setting with which no training of a user's model can go on.

    Others may be the user's own, of which only a build tells whether they leave the weights as they are.
    """
    for name in names:
        if name in {"optimizer", "epochs", "engine", "patience", *DATA_SETTINGS}:
            own = "settings of `build` that leave the weights as they are"
            raise _fixed(name, f"expected some of {', '.join(sorted(_STEP))}, or {own}")
    _check_rates(names, settings)


def _check_rates(names: Sequence[str], settings: Settings) -> None:
    if "learning_rate" in names and set(settings.get("reduce_on_plateau", (None,))) != {None}:
        raise TrainableError("reduce_on_plateau and population both change the learning rate; expected one of them.")


def _fixed(name: str, expected: str) -> TrainableError:
    return TrainableError(f"setting '{name}' cannot change in the middle of a training; {expected}.")
