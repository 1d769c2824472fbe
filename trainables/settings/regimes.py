"""Finds settings of backbones that cannot work, before training and without Keras."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from trainables.datasets.settings import image_size_of
from trainables.errors import TrainableError
from trainables.settings.backbones import BACKBONES, is_block
from trainables.settings.weights import IMAGENET, RANDOM, check_weights, digest_of, weights_name
from trainables.trial import DatasetInfo

REGIMES = ("scratch", "frozen", "unfreeze", "two_stage")
Values = Mapping[str, Sequence[object]]
"""Names of settings with the values that each may take."""


def check_backbones(settings: Values) -> None:
    """Raise TrainableError for settings of a backbone that fit none of the backbones that may be trained."""
    names = [str(name) for name in settings.get("network", ()) if name in BACKBONES]
    if names:
        _check_depth(settings, names)
        _check_regime(settings)


def _check_depth(settings: Values, names: Sequence[str]) -> None:
    for depth in settings.get("unfreeze_depth", ()):
        problems = [depth_problem(name, depth) for name in names]
        if all(problems):
            raise TrainableError(str(problems[0]))


def depth_problem(name: str, depth: object) -> str | None:
    """Return why this backbone has no such unfreeze_depth, or None where it has."""
    backbone = BACKBONES[name]
    if isinstance(depth, int) and depth > backbone.num_layers:
        return f"unfreeze_depth is {depth} and {name} has {backbone.num_layers} layers; expected at most as many."
    if isinstance(depth, str) and not any(is_block(depth, block) for block in backbone.blocks):
        return (
            f"{name} has no block '{depth}' to unfreeze from; expected a number of layers, or one of "
            f"{', '.join(backbone.blocks)}."
        )
    return None


def regime_of(regime: object, settings: Mapping[str, object]) -> str:
    """Return the regime that is meant where none is given, which follows from the settings that are given."""
    if regime is not None:
        return str(regime)
    if any(settings.get(name) is not None for name in ("second_learning_rate", "second_epochs")):
        return "two_stage"
    return "frozen" if settings.get("unfreeze_depth") is None else "unfreeze"


_READ_IN = {
    "unfreeze_depth": ("unfreeze", "two_stage"),
    "second_learning_rate": ("two_stage",),
    "second_epochs": ("two_stage",),
    "weights": ("frozen", "unfreeze", "two_stage"),
}


def _check_regime(settings: Values) -> None:
    """Raise TrainableError for a setting that none of the regimes reads."""
    regimes = {value for value in settings.get("regime", (None,)) if value is not None}
    for name, readers in _READ_IN.items():
        if name in settings and regimes and None not in settings["regime"] and not regimes & set(readers):
            raise TrainableError(
                f"setting '{name}' has no effect in the regime {' or '.join(sorted(map(str, regimes)))}; it is read in "
                f"{' and '.join(readers)}. Remove it, or take another regime."
            )
    changes = {*settings.get("augmentation", ()), *settings.get("random_crop", ())} - {"none", 0}
    if any(value is not None for value in settings.get("cached_augmentations", ())) and not changes:
        raise TrainableError(
            "setting 'cached_augmentations' has no effect without augmentation. Remove it, or set one."
        )


def check_weights_files(settings: Values, info: DatasetInfo | None, data_dir: Path | None) -> dict[str, str]:
    """Return digests, by name, of the weights on this machine that trials with these settings will read.

    Raises TrainableError for weights that such trials will not find.
    """
    found = {weights_name(*file): check_weights(*file, data_dir) for file in _files(settings, info)}
    return {name: digest_of(path) for name, path in found.items() if path is not None}


def _files(settings: Values, info: DatasetInfo | None) -> Iterator[tuple[str, str, float, tuple[int, int]]]:
    """Yield weights, network, alpha and image size of each file that trials may read."""
    if set(settings.get("regime", (None,))) == {"scratch"}:
        return
    for name in (str(name) for name in settings.get("network", ()) if name in BACKBONES):
        for weights in (str(chosen) for chosen in settings.get("weights", (IMAGENET,)) if chosen not in (RANDOM, None)):
            for alpha in _alphas(name, weights, settings):
                for size in _sizes(settings, info):
                    yield weights, name, alpha, size


def _alphas(name: str, weights: str, settings: Values) -> Iterator[float]:
    """Yield the multipliers that may meet this backbone; raises TrainableError where none has published weights."""
    published = BACKBONES[name].alphas
    asked = [float(alpha) for alpha in settings.get("alpha", ()) if isinstance(alpha, int | float)] or [1.0]
    if not published or weights != IMAGENET:
        yield asked[0]
        return
    fitting = [alpha for alpha in asked if alpha in published]
    if not fitting:
        raise TrainableError(alpha_problem(name, asked[0]))
    yield from fitting


def alpha_problem(name: str, alpha: float) -> str:
    """Return the message for a multiplier without published weights."""
    return (
        f"no imagenet weights of {name} are published for alpha={alpha:g}; expected one of "
        f"{', '.join(f'{value:g}' for value in BACKBONES[name].alphas)}."
    )


def _sizes(settings: Values, info: DatasetInfo | None) -> Iterator[tuple[int, int]]:
    for value in settings.get("image_size", (None,)):
        size = image_size_of(value) or (info.image_shape[:2] if info and info.image_shape else None)
        yield size or (0, 0)
