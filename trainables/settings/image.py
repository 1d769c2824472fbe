"""The settings of the image classifier: name, default, what is accepted, and whether it changes the compiled graph."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from trainables.datasets.settings import DATA_SETTINGS
from trainables.errors import TrainableError
from trainables.setting_table import OF_THE_SEARCH, Setting, check_settings, number, one_of, optional, whole
from trainables.settings.backbones import BACKBONES, published
from trainables.settings.networks import PUBLISHED, SMALLEST_SIDE
from trainables.settings.regimes import REGIMES, regime_of
from trainables.settings.weights import RANDOM

AUGMENTATIONS = ("none", "flip", "flip_rotation", "geometric", "flip_rotation_zoom_noise")
RESCALINGS = ("unit", "symmetric", "none")
SCHEDULES = ("constant", "cosine", "step")
MIXINGS = ("none", "mixup", "cutmix")
PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")
OPTIMIZERS = ("adam", "adamw", "nadam", "rmsprop", "sgd", "sgd_momentum")


def _row(default: object, setting: Setting, *, structural: bool = False) -> Any:
    """Return a row of the table; `structural` settings change the graph, the others enter it as variables."""
    return dataclasses.field(default=default, metadata={"setting": setting, "structural": structural})


def _is_widths(value: object) -> bool:
    widths = value if isinstance(value, tuple | list) else (value,)
    return all(isinstance(width, int) and not isinstance(width, bool) and width >= 1 for width in widths)


def _is_depth(value: object) -> bool:
    return bool(value) if isinstance(value, str) else whole(0).accepts(value)


_DEPTH = Setting(_is_depth, "a number of layers from 0, or the name of a block")
_WEIGHTS = Setting(lambda value: isinstance(value, str) and bool(value), "imagenet, none, or the path of an .h5 file")
_WIDTHS = Setting(_is_widths, "a number of units from 1, or a tuple of them for several layers")


@dataclass(frozen=True)
class ImageSettings:
    """The settings of one trial; those of its network's own (see PUBLISHED) take published values where not given."""

    network: str = _row("two_conv", one_of(*SMALLEST_SIDE, *BACKBONES), structural=True)
    filters: int = _row(None, whole(1), structural=True)
    kernel_size: int = _row(None, whole(1), structural=True)
    batch_norm: str = _row(None, one_of("after_relu", "before_relu", "none"), structural=True)
    batch_norm_momentum: float = _row(None, number(0, 1, below=True), structural=True)
    """Share of the old statistics at each step. Keras' 0.99 needs several hundred steps before validation means much,
    so take 0.9 for small samples or few epochs."""
    pooling: str = _row(None, one_of("flatten", "avg", "max"), structural=True)
    head_units: tuple[int, ...] = _row(None, _WIDTHS, structural=True)
    """Widths of the hidden layers between the pooling and the output."""
    dropout: float = _row(None, number(0, 1, below=True))
    head_dropout: float = _row(None, number(0, 1, below=True))
    """Rate of the dropout after each hidden layer of the head."""
    augmentation: str = _row("none", one_of(*AUGMENTATIONS), structural=True)
    random_crop: int = _row(0, whole(0), structural=True)
    """Width in pixels of the black border from which each image is cropped back at random, before `augmentation`."""
    mixing: str = _row("none", one_of(*MIXINGS), structural=True)
    """Layer of Keras (mixup or cutmix) that mixes the images of a batch with one another, and their labels, or none."""
    mixing_strength: float | None = _row(None, optional(number(0, 1, above=True)))
    """`alpha` of MixUp or `factor` of CutMix; with None Keras' own default, 0.2 or 1."""
    label_smoothing: float = _row(0.0, number(0, 1, below=True))
    """Share of each label that all classes get alike, in the loss of validation and test too, as under Keras' `fit`."""
    precision: str = _row("float32", one_of(*PRECISIONS), structural=True)
    """Keras' policy for all layers but the last; a model with a mixed policy is trained by `fit`."""
    rescaling: str = _row("unit", one_of(*RESCALINGS), structural=True)
    """What pixels 0 to 255 become: 0 to 1 (unit), -1 to 1 (symmetric), or the same (none). Backbones have their own."""
    alpha: float = _row(None, number(0, 4, above=True), structural=True)
    """Width multiplier of a MobileNet."""
    weights: str = _row(None, _WEIGHTS)
    """Weights of a backbone: imagenet, none (random), or the path of an .h5 file, relative to the data directory."""
    regime: str = _row(None, one_of(*REGIMES), structural=True)
    """Which part of a backbone trains: all of it, from random weights (scratch), none (frozen), as much as
    `unfreeze_depth` says (unfreeze), or first none and then that much (two_stage). If it is not given, the other
    settings decide, and frozen is the default."""
    unfreeze_depth: int | str | None = _row(None, optional(_DEPTH), structural=True)
    """Number of the backbone's last `layers` that train, or the block from which on they train; None for all."""
    second_learning_rate: float = _row(1e-5, number(0, above=True))
    second_epochs: int = _row(10, whole(1))
    """Number of epochs of the second stage, after `epochs` of the first."""
    cache_features: bool = _row(True, one_of(True, False))
    """Whether what does not train is computed once per node; this changes only how long a trial takes."""
    cached_augmentations: int | None = _row(None, optional(whole(1)))
    """Number of augmented copies of the training images that are cached and take turns, where augmentation is random.
    With None nothing is cached then, since every epoch sees other images."""
    engine: str = _row("auto", one_of("auto", "compiled", "fit"))
    """What trains: a compiled program, Keras' own `fit`, or (auto) the program where it does just what `fit` does."""
    optimizer: str = _row("adam", one_of(*OPTIMIZERS), structural=True)
    learning_rate: float = _row(1e-3, number(0, above=True))
    schedule: str = _row("constant", one_of(*SCHEDULES), structural=True)
    """How the learning rate changes: not (constant), to 0 at the end (cosine), by `step_factor` every `step_epochs`."""
    warmup_epochs: float = _row(0, number(0))
    """Number of epochs, whole or not, over which the learning rate first rises from 0."""
    step_epochs: int = _row(10, whole(1))
    step_factor: float = _row(0.1, number(0, 1, above=True, below=True))
    weight_decay: float | None = _row(None, optional(number(0)))
    """Decoupled weight decay per step, times the learning rate; with None the optimizer keeps its own default."""
    batch_size: int = _row(128, whole(1))
    epochs: int = _row(10, whole(1))
    patience: int | None = _row(None, optional(whole(0)))
    """Number of epochs without a better metric before early stopping; None for no early stopping."""
    reduce_on_plateau: int | None = _row(None, optional(whole(1)))
    """Number of epochs without a better metric before the learning rate is reduced; None for never."""
    reduce_factor: float = _row(0.2, number(0, 1, above=True, below=True))
    class_weight: str | None = _row(None, optional(one_of("balanced")))
    """With balanced, an image counts inversely to the share of its class in training."""

    def __post_init__(self) -> None:
        if self.network in BACKBONES:
            self._complete({"weights": RANDOM} if self.regime == "scratch" else {})
        self._complete(own_settings(self.network))
        if self.reduce_on_plateau is not None and self.is_scheduled:
            raise TrainableError(f"{TWO_RATES}; expected one of them.")

    def _complete(self, defaults: Mapping[str, object]) -> None:
        for name, value in defaults.items():
            if getattr(self, name) is None:
                object.__setattr__(self, name, value)  # A frozen class completes itself this way.

    @property
    def changes(self) -> str:
        """Name of how training images are changed at random, one by one, or none where they are not."""
        return f"{self.augmentation} crop {self.random_crop}" if self.random_crop else self.augmentation

    @property
    def is_scheduled(self) -> bool:
        """Whether the learning rate changes from step to step."""
        return self.schedule != "constant" or self.warmup_epochs > 0

    @property
    def has_shares(self) -> bool:
        """Whether labels are shares of the classes, rather than one class each."""
        return self.label_smoothing > 0 or self.mixing != "none"

    @classmethod
    def of(cls, config: Mapping[str, object]) -> ImageSettings:
        """Return the settings that the configuration names, checked; other names (data, a user's own) are left out."""
        own = {name: _as_tuple(name, value) for name, value in config.items() if name in IMAGE_SETTINGS}
        check_settings({name: (value,) for name, value in own.items()}, IMAGE_SETTINGS)
        if own.get("network") in BACKBONES:
            own["regime"] = regime_of(own.get("regime"), own)
        return cls(**own)

    def structure(self) -> tuple[object, ...]:
        """Return a value that is equal for settings that need the same graph.

        A rate of 0 and no decay leave their operations out of the graph.
        """
        fields = [getattr(self, field.name) for field in dataclasses.fields(self) if field.metadata["structural"]]
        return (*fields, bool(self.dropout), bool(self.head_dropout), *self.step_structure())

    def step_structure(self) -> tuple[object, ...]:
        """Return a value that is equal for settings with which a step of any network is the same graph."""
        decays = self.weight_decay is not None
        return (self.optimizer, decays, self.schedule, self.is_scheduled, self.mixing, self.has_shares)


IMAGE_SETTINGS: dict[str, Setting] = {
    field.name: field.metadata["setting"] for field in dataclasses.fields(ImageSettings)
}


_ABSENT = object()
TWO_RATES = "reduce_on_plateau and a schedule (`schedule`, `warmup_epochs`) both set the learning rate"

OF_TRAINING = frozenset(
    {"engine", "optimizer", "learning_rate", "weight_decay", "batch_size", "epochs", "patience", "class_weight"}
    | {"reduce_on_plateau", "reduce_factor"}
)
"""Settings that apply to any model; the others belong to our networks, and a user's model may use their names."""


def of_training(config: Mapping[str, object]) -> dict[str, object]:
    """Return the part of a configuration that says how a user's model is trained, `metric` and `mode` included.

    An optimizer that is not one of ours is the user's own word, meant for `compile`, and is left out.
    """
    own = _only(config, OF_TRAINING | {"metric", "mode"})
    return {name: value for name, value in own.items() if name != "optimizer" or value in OPTIMIZERS}


def of_image_classifier(config: Mapping[str, object]) -> dict[str, object]:
    """Return the part of a configuration that concerns our networks; the other names are a user's own."""
    return _only(config, {*IMAGE_SETTINGS, *DATA_SETTINGS, *OF_THE_SEARCH})


def of_data(config: Mapping[str, object]) -> dict[str, object]:
    """Return the part of a configuration that concerns the data."""
    return _only(config, {"dataset", *DATA_SETTINGS})


def _only(config: Mapping[str, object], names: Collection[str]) -> dict[str, object]:
    """Return these settings; reads no others, because a search notes which ones are read."""
    found = {name: config.get(name, _ABSENT) for name in sorted(names)}
    return {name: value for name, value in found.items() if value is not _ABSENT}


def own_settings(network: str) -> Mapping[str, Any]:
    """Return the settings of the network's own, with their defaults."""
    return published(network) if network in BACKBONES else PUBLISHED[network]


def _as_tuple(name: str, value: object) -> Any:
    if name != "head_units" or value is None:
        return value
    return tuple(value) if isinstance(value, tuple | list) else (value,)
