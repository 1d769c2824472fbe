"""The published networks: their parameter counts, and what they take."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trainables.engines.runtime import configure
from trainables.errors import TrainableError
from trainables.settings.checks import check_image_settings
from trainables.settings.image import AUGMENTATIONS, ImageSettings
from trainables.settings.networks import PUBLISHED, SMALLEST_SIDE

configure(cpus=1)

import keras  # noqa: E402

from trainables.engines.layers import plain  # noqa: E402
from trainables.networks.build import build_model  # noqa: E402

RATES = ("rate", "momentum")
MNIST, ANIMALS = ((28, 28, 1), 10), ((100, 100, 3), 5)


@pytest.mark.parametrize(
    ("settings", "data", "parameters"),
    [
        ({"network": "two_conv", "kernel_size": 3, "filters": 32}, MNIST, 113_642),
        ({"network": "two_conv", "kernel_size": 3, "filters": 64}, MNIST, 225_418),
        ({"network": "two_conv", "kernel_size": 5, "filters": 32}, MNIST, 93_162),
        ({"network": "two_conv", "kernel_size": 5, "filters": 64}, MNIST, 184_458),
        ({"network": "simple"}, ANIMALS, 726_277),
        ({"network": "mid"}, ANIMALS, 1_614_885),
        ({"network": "resnet"}, ANIMALS, 11_705_333),
    ],
)
def test_network_has_the_published_number_of_parameters(settings: dict[str, Any], data: Any, parameters: int) -> None:
    assert build_model(ImageSettings(**settings), *data).count_params() == parameters


def test_inception_has_about_the_published_number_of_parameters() -> None:
    assert build_model(ImageSettings(network="inception"), *ANIMALS).count_params() == pytest.approx(14.6e6, abs=0.05e6)


def test_four_conv_has_the_layers_of_its_study() -> None:
    model = build_model(ImageSettings(network="four_conv"), (150, 150, 3), 2)
    assert [layer.filters for layer in model.layers if hasattr(layer, "filters")] == [32, 64, 128, 128]
    assert [layer.units for layer in model.layers if hasattr(layer, "units")] == [512, 2]


def test_two_conv_has_the_variants_of_its_studies() -> None:
    waste = ImageSettings(batch_norm="before_relu", dropout=0.0, head_units=(128, 64))
    kinds = [type(layer).__name__ for layer in build_model(waste, (256, 256, 3), 9).layers]
    assert kinds[2:6] == ["Conv2D", "BatchNormalization", "ReLU", "MaxPooling2D"]
    assert kinds[-4:] == ["Flatten", "Dense", "Dense", "Dense"]
    cats = ImageSettings(batch_norm="none", dropout=0.0, head_dropout=0.5)
    kinds = [type(layer).__name__ for layer in build_model(cats, (150, 150, 3), 2).layers]
    assert "BatchNormalization" not in kinds
    assert kinds[-3:] == ["Dense", "Dropout", "Dense"]


@pytest.mark.parametrize("network", PUBLISHED)
def test_network_takes_its_smallest_images_and_none_below(network: str) -> None:
    side = SMALLEST_SIDE[network]
    outputs = build_model(ImageSettings(network=network), (side, side, 3), 3)(np.zeros((2, side, side, 3)))
    np.testing.assert_allclose(np.sum(outputs, axis=-1), 1, rtol=1e-5)
    with pytest.raises(TrainableError, match=f"at least {side} pixels"):
        build_model(ImageSettings(network=network), (side, side - 1, 3), 3)


@pytest.mark.parametrize("network", PUBLISHED)
def test_every_setting_that_a_network_reads_changes_it(network: str) -> None:
    other = {"filters": 7, "kernel_size": 4, "batch_norm": "none", "pooling": "max", "head_units": (5,)}
    other |= {"dropout": 0.11, "head_dropout": 0.12, "batch_norm_momentum": 0.5}

    def described(**settings: Any) -> list[Any]:
        model = build_model(ImageSettings(network=network, **settings), (64, 64, 3), 3)
        return [(type(layer), layer.output.shape, *(getattr(layer, n, 0) for n in RATES)) for layer in model.layers]

    base = {"head_units": (6,)}
    for name in PUBLISHED[network]:
        assert described(**base | {name: other[name]}) != described(**base), name


def test_setting_that_no_network_reads_is_refused() -> None:
    with pytest.raises(TrainableError, match="'kernel_size' has no effect on network resnet"):
        check_image_settings({"network": ["resnet"], "kernel_size": [3, 5]}, None)
    check_image_settings({"network": ["resnet", "simple"], "kernel_size": [3, 5]}, None)


@pytest.mark.parametrize("augmentation", AUGMENTATIONS)
def test_model_with_augmentation_can_be_saved_and_read(augmentation: str, tmp_path: Path) -> None:
    settings = ImageSettings(augmentation=augmentation, dropout=0.0)
    model = plain(build_model(settings, (8, 8, 1), 2), {})
    model.save(tmp_path / "model.keras")
    images = np.full((1, 8, 8, 1), 128.0)
    read = keras.models.load_model(tmp_path / "model.keras")
    # Float32 sums in another order: 1.4e-6 apart on one processor.
    np.testing.assert_allclose(read(images), model(images), rtol=1e-5)


@pytest.mark.parametrize("augmentation", [name for name in AUGMENTATIONS if name != "none"])
@pytest.mark.parametrize("rescaling", ["unit", "symmetric"])
def test_augmentation_changes_images_in_training_only(augmentation: str, rescaling: str) -> None:
    settings = ImageSettings(augmentation=augmentation, rescaling=rescaling, dropout=0.0, batch_norm="none")
    model = build_model(settings, (16, 16, 3), 4)
    images = np.random.default_rng(0).integers(0, 256, (6, 16, 16, 3)).astype(np.float32)
    still, again = (np.asarray(model(images, training=False)) for _ in range(2))
    moved = np.asarray(model(images, training=True))
    assert np.array_equal(still, again)
    assert not np.allclose(still, moved, atol=1e-5)
