"""Each backbone against Keras: what the table says of it, its preprocessing, its cuts, its trainable part."""

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trainables.engines.runtime import configure
from trainables.errors import TrainableError
from trainables.settings.backbones import BACKBONES, is_block

configure(cpus=1)

import keras  # noqa: E402

from trainables.backbones.network import (  # noqa: E402
    cut_before,
    first_unfrozen,
    for_training,
    learning_layers,
    narrow_places,
    part,
    preprocessed,
    pretrained,
    random_backbone,
)

MODULES = {"resnet50_v2": "resnet_v2", "mobilenet_v3_large": "mobilenet_v3", "densenet121": "densenet"}
LIGHT = ("vgg16", "mobilenet_v2")


def backbone(name: str) -> Any:
    known = BACKBONES[name]
    return random_backbone(name, 0.35 if name == "mobilenet_v2" else None, (known.smallest_side,) * 2, 0)


def every(*light: str) -> list[Any]:
    """The names of all backbones; those that take seconds to build are slow."""
    return [name if name in light else pytest.param(name, marks=pytest.mark.slow) for name in BACKBONES]


@pytest.fixture(scope="module", params=every(*LIGHT))
def built(request: pytest.FixtureRequest) -> tuple[str, Any]:
    """A backbone with its name; all tests of one come before the next is built."""
    return request.param, backbone(request.param)


def test_table_knows_layers_blocks_and_smallest_images(built: tuple[str, Any]) -> None:
    name, model = built
    known = BACKBONES[name]
    assert len(model.layers) == known.num_layers
    assert all(any(is_block(layer.name, block) for layer in model.layers) for block in known.blocks)
    with pytest.raises(ValueError, match=f"at least {known.smallest_side}"):
        getattr(keras.applications, known.keras_name)(
            include_top=False, weights=None, input_shape=(known.smallest_side - 1,) * 2 + (3,)
        )


@pytest.mark.parametrize("name", BACKBONES)
def test_preprocessing_is_that_of_keras(name: str) -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3)).astype(np.float32)
    theirs = importlib.import_module(f"keras.applications.{MODULES.get(name, name.removesuffix('_b0'))}")
    np.testing.assert_allclose(preprocessed(images, name), theirs.preprocess_input(images.copy()), atol=1e-5)


def test_grey_images_are_given_three_equal_channels() -> None:
    grey = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 1)).astype(np.float32)
    three = np.asarray(preprocessed(grey, "vgg16"))
    np.testing.assert_allclose(three, preprocessed(np.repeat(grey, 3, axis=-1), "vgg16"), atol=1e-5)


def test_parts_before_and_behind_a_cut_make_the_whole(built: tuple[str, Any]) -> None:
    name, model = built
    side = BACKBONES[name].smallest_side
    images = np.random.default_rng(0).normal(size=(2, side, side, 3)).astype(np.float32)
    places = narrow_places(model)
    for cut in (places[len(places) // 3], places[-2]):
        front, behind = part(model, None, cut), part(model, cut)
        np.testing.assert_allclose(behind(front(images)), model(images), rtol=1e-4, atol=1e-5)
        assert front.count_params() + behind.count_params() == model.count_params()


def test_depth_counts_layers_from_the_end_and_normalisation_stays_frozen() -> None:
    model = backbone("mobilenet_v2")
    first = first_unfrozen(model, "mobilenet_v2", 10)
    learning = learning_layers(model, first, scratch=False)
    assert learning == ["block_16_depthwise", "block_16_project", "Conv_1"]
    copy = for_training(part(model, cut_before(model, first)), learning, scratch=False)
    assert sorted(v.path.split("/")[0] for v in copy.trainable_variables) == sorted(learning)


def test_dropout_inside_a_backbone_works_only_from_scratch() -> None:
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dropout(0.5), keras.layers.Dense(3)])
    ones = np.ones((64, 4), np.float32)
    still, moving = (for_training(model, ["dense"], scratch=scratch) for scratch in (False, True))
    np.testing.assert_array_equal(still(ones, training=True), still(ones, training=False))
    assert not np.allclose(moving(ones, training=True), moving(ones, training=False))


@pytest.mark.parametrize(
    ("block", "first", "cut"),
    [("block_1", "block_1_expand", "expanded_conv_project_BN"), ("block_16", "block_16_expand", "block_15_add")],
)
def test_block_is_unfrozen_from_its_first_layer_on(block: str, first: str, cut: str) -> None:
    model = backbone("mobilenet_v2")
    place = first_unfrozen(model, "mobilenet_v2", block)
    assert model.layers[place].name == first
    behind = cut_before(model, place)
    assert behind is not None
    assert model.layers[behind].name == cut


@pytest.mark.slow
@pytest.mark.parametrize("built", ["inception_resnet_v2"], indirect=True)
def test_branches_without_the_name_of_a_block_belong_to_it(built: tuple[str, Any]) -> None:
    _, model = built
    place = first_unfrozen(model, "inception_resnet_v2", "block8_1")
    cut = cut_before(model, place)
    assert cut is not None
    assert model.layers[cut].name == "mixed_7a"
    assert model.layers[place].name.startswith("conv2d")


def test_nothing_stands_before_a_cut_when_all_of_a_backbone_learns() -> None:
    model = backbone("vgg16")
    assert first_unfrozen(model, "vgg16", 0) == len(model.layers)
    assert cut_before(model, first_unfrozen(model, "vgg16", None)) is None
    with pytest.raises(TrainableError, match=r"vgg16 has no block 'block9'.*block5"):
        first_unfrozen(model, "vgg16", "block9")


def test_layers_have_the_same_names_in_every_copy() -> None:
    first, again = (
        random_backbone("xception", None, (71, 71), 0).layers,
        random_backbone.__wrapped__("xception", None, (71, 71), 0).layers,
    )
    assert [layer.name for layer in first[1:]] == [layer.name for layer in again[1:]]


def test_weights_are_those_of_the_file_and_another_networks_are_refused(tmp_path: Path) -> None:
    theirs = keras.applications.MobileNetV2(alpha=0.35, include_top=False, weights=None, input_shape=(32, 32, 3))
    theirs.save_weights(tmp_path / "own.weights.h5")
    mine = pretrained("mobilenet_v2", 0.35, (32, 32), tmp_path / "own.weights.h5")
    images = np.random.default_rng(0).normal(size=(2, 32, 32, 3)).astype(np.float32)
    np.testing.assert_array_equal(mine(images), theirs(images))
    with pytest.raises(TrainableError, match=r"own\.weights\.h5 do not fit vgg16"):
        pretrained("vgg16", None, (32, 32), tmp_path / "own.weights.h5")


@pytest.mark.slow
def test_efficientnet_of_a_file_is_the_one_that_keras_makes_of_its_download(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shape, file = (32, 32, 3), tmp_path / "b0.weights.h5"
    images = np.random.default_rng(0).integers(0, 256, (4, *shape)).astype(np.float32)
    plain = keras.applications.EfficientNetB0(include_top=False, weights=None, input_shape=shape)
    next(layer for layer in plain.layers if isinstance(layer, keras.layers.Normalization)).adapt(images / 255)
    plain.save_weights(file)
    from keras.src.applications import efficientnet

    monkeypatch.setattr(efficientnet.file_utils, "get_file", lambda *_, **__: str(file))
    theirs = keras.applications.EfficientNetB0(include_top=False, weights="imagenet", input_shape=shape)
    mine = pretrained("efficientnet_b0", None, (32, 32), file)
    np.testing.assert_allclose(mine(images), theirs(images), rtol=1e-3, atol=1e-5)
    assert not np.allclose(theirs(images), plain(images), rtol=1e-2)
