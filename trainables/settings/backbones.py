"""What is known of each backbone without Keras: sizes, preprocessing, weights files, blocks.

Names, addresses and checksums are those of `keras.applications`; tests compare the rest with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_KERAS = "https://storage.googleapis.com/tensorflow/keras-applications"


@dataclass(frozen=True)
class WeightsFile:
    """The weights of a backbone without its top, as Keras publishes them."""

    name: str
    address: str
    md5: str | None = None
    """MD5 digest of the file, or None where Keras states none."""


@dataclass(frozen=True)
class Backbone:
    """What is known of one backbone."""

    keras_name: str
    """Name of the backbone in `keras.applications`."""
    preprocessing: str
    """How pixels 0 to 255 become what the backbone was trained with: symmetric (-1 to 1), caffe (blue first, less the
    means), torch (means and deviations of ImageNet), inside (by layers of its own)."""
    num_layers: int
    """Number of entries of the backbone's `layers`."""
    blocks: tuple[str, ...]
    """Block names that `unfreeze_depth` takes; the names of a block's layers begin with them."""
    file: str
    """Address of the weights, below the address of Keras or in full; {alpha} and {side} stand for the variant."""
    md5: str | None = None
    smallest_side: int = 32
    """Smallest shorter side of an image, in pixels."""
    alphas: tuple[float, ...] = ()
    """Width multipliers that have published weights."""
    sides: tuple[int, ...] = ()
    """Image sizes that have weights of their own; all others take the weights of the last one."""
    md5_of_alpha: tuple[str, ...] = ()

    def weights_file(self, alpha: float, image_size: tuple[int, int]) -> WeightsFile:
        """Return the file of weights for images of this height and width."""
        side = image_size[0] if image_size[0] == image_size[1] and image_size[0] in self.sides else None
        path = self.file.format(alpha=float(alpha), side=side or (self.sides or (0,))[-1])
        md5 = dict(zip(self.alphas, self.md5_of_alpha, strict=False)).get(alpha, self.md5)
        address = path if path.startswith("https:") else f"{_KERAS}/{path}"
        return WeightsFile(address.rpartition("/")[2], address, md5)


def _numbered(stem: str, count: int, first: int = 1) -> tuple[str, ...]:
    return tuple(f"{stem}{number}" for number in range(first, first + count))


def _staged(stages: Sequence[tuple[str, int]], between: str) -> tuple[str, ...]:
    """Return the names of every stage and of every block of every stage."""
    return tuple(name for stage, count in stages for name in (stage, *_numbered(stage + between, count)))


def _lettered(counts: Sequence[int]) -> tuple[str, ...]:
    """Return the names block1, block1a, block2, block2a, block2b, ..."""
    stages = [(f"block{number}", count) for number, count in enumerate(counts, 1)]
    return tuple(name for stage, n in stages for name in (stage, *(f"{stage}{'abcdefgh'[i]}" for i in range(n))))


_PLAIN = "{0}/{1}_weights_tf_dim_ordering_tf_kernels_notop.h5"

BACKBONES: dict[str, Backbone] = {
    "vgg16": Backbone(
        "VGG16",
        "caffe",
        19,
        _numbered("block", 5),
        _PLAIN.format("vgg16", "vgg16"),
        md5="6d6bbae143d832006294945121d1f1fc",
    ),
    "resnet50_v2": Backbone(
        "ResNet50V2",
        "symmetric",
        190,
        _staged((("conv2", 3), ("conv3", 4), ("conv4", 6), ("conv5", 3)), "_block"),
        _PLAIN.format("resnet", "resnet50v2"),
        md5="fac2f116257151a9d068a22e544a4917",
    ),
    "mobilenet_v2": Backbone(
        "MobileNetV2",
        "symmetric",
        154,
        ("expanded_conv", *_numbered("block_", 16), "Conv_1"),
        "mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{alpha}_{side}_no_top.h5",
        alphas=(0.35, 0.5, 0.75, 1.0, 1.3, 1.4),
        sides=(96, 128, 160, 192, 224),
    ),
    "mobilenet_v3_large": Backbone(
        "MobileNetV3Large",
        "inside",
        187,
        (*_numbered("expanded_conv_", 14), "conv_1"),
        "mobilenet_v3/weights_mobilenet_v3_large_224_{alpha}_float_no_top_v2.h5",
        alphas=(0.75, 1.0),
        md5_of_alpha=("40af19a13ebea4e2ee0c676887f69a2e", "07fb09a5933dd0c8eaafa16978110389"),
    ),
    "xception": Backbone(
        "Xception",
        "symmetric",
        132,
        _numbered("block", 14),
        _PLAIN.format("xception", "xception"),
        md5="b0042744bf5b25fce3cb969f33bebb97",
        smallest_side=71,
    ),
    "densenet121": Backbone(
        "DenseNet121",
        "torch",
        427,
        _staged((("conv2", 6), ("conv3", 12), ("conv4", 24), ("conv5", 16)), "_block"),
        _PLAIN.format("densenet", "densenet121"),
        md5="30ee3e1110167f948a6b9946edeeb738",
    ),
    "inception_resnet_v2": Backbone(
        "InceptionResNetV2",
        "symmetric",
        780,
        (*_staged((("block35", 10), ("block17", 20), ("block8", 10)), "_"), "mixed_6a", "mixed_7a", "conv_7b"),
        _PLAIN.format("inception_resnet_v2", "inception_resnet_v2"),
        md5="d19885ff4a710c122648d3b5c3b684e4",
        smallest_side=75,
    ),
    "efficientnet_b0": Backbone(
        "EfficientNetB0",
        "inside",
        237,
        (*_lettered((1, 2, 2, 3, 3, 4, 1)), "top"),
        "https://storage.googleapis.com/keras-applications/efficientnetb0_notop.h5",
        md5="50bc09e76180e00e4465e1a485ddc09d",
    ),
}

PUBLISHED_HEAD: dict[str, Any] = {
    "pooling": "avg",
    "head_units": (),
    "dropout": 0.0,
    "head_dropout": 0.0,
    "batch_norm": "none",
    "batch_norm_momentum": 0.99,
    "weights": "imagenet",
}
"""Settings of a backbone where they are not given; `dropout` follows the pooling, `batch_norm` is in the head."""

REGIME_SETTINGS = frozenset(
    {"regime", "unfreeze_depth", "second_learning_rate", "second_epochs", "cache_features", "cached_augmentations"}
)
"""Settings that every backbone reads in addition."""


def published(name: str) -> dict[str, Any]:
    """Return the settings of the backbone with their defaults, as PUBLISHED has them for networks from scratch."""
    return PUBLISHED_HEAD | ({"alpha": 1.0} if BACKBONES[name].alphas else {})


def is_block(layer_name: str, block: str) -> bool:
    """Return whether the layer belongs to the block; `block_10_expand` does not belong to `block_1`."""
    rest = layer_name.removeprefix(block)
    return layer_name.startswith(block) and not rest[:1].isdigit()
