"""Refuses settings of the image classifier before anything is trained: single values, or several together."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from trainables.datasets.locate import keras_folder
from trainables.datasets.settings import DATA_SETTINGS, check_data_settings, image_size_of
from trainables.errors import TrainableError
from trainables.setting_table import check_settings
from trainables.settings.backbones import BACKBONES, REGIME_SETTINGS
from trainables.settings.image import IMAGE_SETTINGS, OF_TRAINING, TWO_RATES, ImageSettings, own_settings
from trainables.settings.networks import PUBLISHED, SMALLEST_SIDE
from trainables.settings.regimes import check_backbones
from trainables.trial import DatasetInfo


def check_training_settings(settings: Mapping[str, Sequence[object]], info: DatasetInfo | None) -> None:
    """Raise TrainableError for a value with which no user's model can be trained on this data."""
    _check_backend()
    known = {name: IMAGE_SETTINGS[name] for name in OF_TRAINING - {"optimizer"}}
    check_settings(settings, known | DATA_SETTINGS, others_allowed=True)
    check_data_settings(settings, info)


def _check_backend() -> None:
    """Raise TrainableError where the environment, or else a user's `keras.json`, asks Keras for another backend."""
    if backend := os.environ.get("KERAS_BACKEND"):
        asks, instead = f"KERAS_BACKEND is {backend}", "unset it"
    else:
        file = keras_folder() / "keras.json"
        backend = _backend_of(file)
        asks, instead = f"{file} asks for backend {backend}", "set KERAS_BACKEND=tensorflow"
    if backend != "tensorflow":
        raise TrainableError(
            f"{asks}, and this trainable trains with TensorFlow; {instead}, or write a trainable of your own, which "
            "may use any."
        )


def _backend_of(file: Path) -> str:
    """The backend for which a `keras.json` asks; Keras takes one that it cannot read for an empty one."""
    try:
        return str(json.loads(file.read_text(encoding="utf-8")).get("backend", "tensorflow"))
    except (OSError, ValueError, AttributeError):
        return "tensorflow"


def settings_read_by(network: str) -> frozenset[str]:
    """Return the settings that this network reads and others may not."""
    others = REGIME_SETTINGS if network in BACKBONES else {"rescaling"}
    return frozenset(own_settings(network)) | others


_OF_NETWORKS = frozenset().union(*(settings_read_by(network) for network in (*PUBLISHED, *BACKBONES)))
"""Settings that some networks read and others do not."""


def check_image_settings(settings: Mapping[str, Sequence[object]], info: DatasetInfo | None) -> None:
    """Raise TrainableError for a name or a value (name -> the values it may take) that cannot work with this data."""
    _check_backend()
    check_settings(settings, IMAGE_SETTINGS | DATA_SETTINGS)
    check_data_settings(settings, info)
    _check_effect(settings)
    _check_choices(settings)
    check_backbones(settings)
    _check_image_size(settings, info)


def check_known_image_settings(settings: Mapping[str, Sequence[object]], info: DatasetInfo | None) -> None:
    """Raise TrainableError as `check_image_settings` does, but let other names pass, which are a user's own."""
    known = {*IMAGE_SETTINGS, *DATA_SETTINGS}
    check_image_settings({name: values for name, values in settings.items() if name in known}, info)


def _check_effect(settings: Mapping[str, Sequence[object]]) -> None:
    """Raise TrainableError for a setting that none of the networks reads."""
    networks = [str(network) for network in settings.get("network", (ImageSettings.network,))]
    read = set().union(*(settings_read_by(network) for network in networks))
    for name in settings:
        if name in _OF_NETWORKS - read:
            raise TrainableError(
                f"setting '{name}' has no effect on network {' or '.join(networks)}, which reads "
                f"{', '.join(sorted(read))}. Remove it, or take another network."
            )


_READ_WITH = {
    "step_epochs": ("schedule", "step"),
    "step_factor": ("schedule", "step"),
    "mixing_strength": ("mixing", "mixup", "cutmix"),
}
"""Settings, each with another one and the values of that one with which it is read."""


def _check_choices(settings: Mapping[str, Sequence[object]]) -> None:
    """Raise TrainableError for a setting that no value of another one reads, and for two that contradict."""
    for name, (other, *values) in _READ_WITH.items():
        if name in settings and not set(settings.get(other, ())) & set(values):
            raise TrainableError(
                f"setting '{name}' is read with {other}={' or '.join(map(repr, values))} only. Remove it, or set that."
            )
    always_waits = None not in settings.get("reduce_on_plateau", (None,))
    always_scheduled = "constant" not in settings.get("schedule", ("constant",)) or 0 not in (
        settings.get("warmup_epochs", (0,))
    )
    if always_waits and always_scheduled:
        raise TrainableError(f"{TWO_RATES}; expected one of them.")
    if "compiled" in settings.get("engine", ()) and set(settings.get("precision", ())) - {"float32"}:
        raise TrainableError("engine is 'compiled', and a mixed precision is trained by 'fit'. Expected engine='auto'.")


def _check_image_size(settings: Mapping[str, Sequence[object]], info: DatasetInfo | None) -> None:
    for network in settings.get("network", (ImageSettings.network,)):
        for value in settings.get("image_size", (None,)):
            size = image_size_of(value) or (info.image_shape[:2] if info and info.image_shape else None)
            if size is not None:
                check_side(str(network), min(size))
                _check_crop(settings.get("random_crop", ()), min(size))


def _check_crop(paddings: Sequence[object], side: int) -> None:
    for padding in paddings:
        if isinstance(padding, int) and padding >= side:
            raise TrainableError(
                f"setting 'random_crop' may be {padding}, and the images have {side} pixels a side; expected a padding "
                "that is smaller than the side."
            )


def check_side(network: str, side: int) -> None:
    """Raise TrainableError when the images are too small for the network."""
    smallest = BACKBONES[network].smallest_side if network in BACKBONES else SMALLEST_SIDE[network]
    if side < smallest:
        raise TrainableError(
            f"network '{network}' needs images of at least {smallest} pixels a side, and they have "
            f"{side}. Set image_size={smallest} or more, or take another network."
        )
