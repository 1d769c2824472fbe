"""The shipped spaces: each asks one question, is pure data, and holds the rows that its study published."""

import ast
import itertools
import re
from pathlib import Path
from typing import Any

import pytest

from search.space import Config
from tests.support.shipped_spaces import SPACES, plan_of_shipped, space_named
from trainables.engines.runtime import configure
from trainables.settings.backbones import BACKBONES
from trainables.settings.checks import settings_read_by
from trainables.settings.image import ImageSettings
from trainables.settings.networks import PUBLISHED

READ_BY_SOME = frozenset().union(*(settings_read_by(network) for network in (*PUBLISHED, *BACKBONES)))
STUDIES = [path for path in SPACES if path.stem not in ("branin", "digits_filters")]
GRIDS = [path for path in STUDIES if space_named(path.stem).sampler == "grid"]


def configurations(name: str) -> list[Config]:
    """The grid of a space with what is fixed, as a trial sees it."""
    space = space_named(name)
    return [{**space.fixed, **config} for config in space.grid()]


def named(path: Path) -> str:
    return path.stem


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test downloads a data set."""
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")


@pytest.mark.parametrize("path", SPACES, ids=named)
def test_docstring_has_question_command_and_measured_answer(path: Path) -> None:
    text = ast.get_docstring(ast.parse(path.read_text()))
    assert text is not None
    question, _, command, *_ = text.splitlines()
    assert question.endswith("?")
    assert re.fullmatch(rf"    python -m search\.run spaces/{path.name} +# .+", command)
    assert "\nLast full run: " in text


@pytest.mark.parametrize("path", SPACES, ids=named)
def test_space_file_is_pure_data(path: Path) -> None:
    docstring, *imports, space = ast.parse(path.read_text()).body
    assert isinstance(docstring, ast.Expr)
    assert {node.module for node in imports if isinstance(node, ast.ImportFrom)} <= {
        "search.space",
        "trainables.image_classifier",
        "trainables.branin",
    }
    assert all(isinstance(node, ast.ImportFrom) for node in imports)
    assert isinstance(space, ast.Assign)
    logic = (ast.IfExp, ast.Lambda, ast.comprehension, ast.BoolOp, ast.Subscript)
    assert [node for node in ast.walk(space) if isinstance(node, logic)] == []


@pytest.mark.parametrize("path", SPACES, ids=named)
def test_space_fits_its_data(path: Path) -> None:
    weights = ["--set", "weights=none"] if "weights" in space_named(path.stem).smoke else []
    plan = plan_of_shipped(path, "--dry-run", *weights)
    assert plan.trials > 1
    assert plan.dataset is None or plan.dataset.num_classes > 1


@pytest.mark.parametrize("path", STUDIES, ids=named)
def test_grid_of_a_study_has_three_seeds_of_every_row(path: Path) -> None:
    space = space_named(path.stem)
    assert (space.repeat == "all" and space.repeats >= 3) == (space.sampler == "grid")


@pytest.mark.parametrize("path", GRIDS, ids=named)
def test_every_configuration_has_only_settings_that_its_network_reads(path: Path) -> None:
    for config in configurations(path.stem):
        assert set(config) & READ_BY_SOME <= settings_read_by(str(config["network"])), config
        ImageSettings.of(config)


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("mnist_dropout", {"network": "two_conv", "kernel_size": 5, "filters": 64, "dropout": 0.5}),
        ("mnist_dropout", {"network": "two_conv", "kernel_size": 5, "filters": 64, "dropout": 0.0}),
        ("mnist_vgg16", {"network": "vgg16", "regime": "frozen", "pooling": "flatten", "head_units": (128,)}),
        ("cats_dogs_sample_size", {"network": "four_conv", "sample_size": 1000, "augmentation": "geometric"}),
        ("cats_dogs_sample_size", {"network": "four_conv", "sample_size": 2000, "epochs": 20}),
        ("cats_dogs_sample_size", {"network": "vgg16", "sample_size": 2000, "regime": "frozen", "head_units": (256,)}),
        ("animals_architectures", {"network": "simple", "augmentation": "none"}),
        ("animals_architectures", {"network": "mid", "augmentation": "none"}),
        ("animals_architectures", {"network": "resnet", "augmentation": "none"}),
        ("animals_architectures", {"network": "inception", "augmentation": "none", "learning_rate": 1e-4}),
        ("animals_architectures", {"network": "resnet", "augmentation": "flip_rotation_zoom_noise"}),
        ("waste_learning_rate", {"learning_rate": 1e-4, "head_units": (128, 64), "batch_norm": "before_relu"}),
        ("animals_transfer", {"network": "resnet50_v2", "regime": "two_stage", "second_learning_rate": 5e-5}),
        ("animals_transfer", {"network": "mobilenet_v2", "regime": "two_stage", "second_learning_rate": 1e-5}),
        ("animals_transfer", {"network": "xception", "regime": "unfreeze", "unfreeze_depth": 10}),
        ("animals_transfer", {"network": "xception", "regime": "frozen", "head_units": (1000,)}),
        ("waste_learning_rate", {"learning_rate": 1e-1, "image_size": 256, "batch_size": 32}),
        ("waste_backbones", {"network": "inception_resnet_v2", "regime": "frozen", "pooling": "avg"}),
        ("waste_backbones", {"network": "densenet121", "regime": "frozen", "pooling": "avg"}),
    ],
)
def test_grid_has_the_published_row(name: str, row: Config) -> None:
    assert [config for config in configurations(name) if row.items() <= config.items()]


def test_mnist_filters_searches_the_grid_of_its_study() -> None:
    searched, published = space_named("mnist_filters"), space_named("mnist_filters_grid")
    assert list(published.grid()) == [{"kernel_size": k, "filters": f} for k in (3, 5) for f in (32, 64)]
    assert {name: searched.parameters[name] for name in published.parameters} == published.parameters
    low, high = searched.parameters["dropout"].bounds()
    assert low <= published.fixed["dropout"] <= high


def test_steps_of_the_pipeline_change_one_thing_each() -> None:
    raw, augmented, rescaled, transferred = (
        {"network": "two_conv", "augmentation": "none", "rescaling": "none"},
        {"network": "two_conv", "augmentation": "flip_rotation", "rescaling": "none"},
        {"network": "two_conv", "augmentation": "flip_rotation", "rescaling": "symmetric"},
        {"network": "mobilenet_v3_large", "augmentation": "flip_rotation", "regime": "frozen", "pooling": "max"},
    )
    grid = [dict(config) for config in space_named("cats_dogs_pipeline").grid()]
    assert all(step in grid for step in (raw, augmented, rescaled, transferred))
    for earlier, later in itertools.pairwise((raw, augmented, rescaled, transferred)):
        assert (
            sum(later[name] != earlier[name] for name in ("network", "augmentation", "rescaling") if name in later) == 1
        )


def test_unfreezing_of_cats_and_dogs_holds_the_published_depth_and_a_control() -> None:
    space = space_named("cats_dogs_unfreeze")
    depths = space.parameters["unfreeze_depth"].values()
    assert {0, 4} <= set(depths)
    assert max(depths) <= BACKBONES["vgg16"].num_layers


def test_waste_backbones_see_the_pixels_and_have_the_epochs_and_the_head_of_the_small_network() -> None:
    space = space_named("waste_backbones")
    assert {"image_size", "epochs", "batch_size", "head_units"} <= space.fixed.keys()


@pytest.mark.parametrize(
    ("name", "row", "data", "parameters"),
    [
        ("mnist_filters_grid", {"kernel_size": 3, "filters": 32}, ((28, 28, 1), 10), 113_642),
        ("mnist_filters_grid", {"kernel_size": 3, "filters": 64}, ((28, 28, 1), 10), 225_418),
        ("mnist_filters_grid", {"kernel_size": 5, "filters": 32}, ((28, 28, 1), 10), 93_162),
        ("mnist_dropout", {}, ((28, 28, 1), 10), 184_458),
        ("animals_architectures", {"network": "simple"}, ((100, 100, 3), 5), 726_277),
        ("animals_architectures", {"network": "mid"}, ((100, 100, 3), 5), 1_614_885),
        ("animals_architectures", {"network": "resnet"}, ((100, 100, 3), 5), 11_705_333),
    ],
)
def test_space_trains_the_network_of_the_published_size(name: str, row: Config, data: Any, parameters: int) -> None:
    configure(cpus=1)
    from trainables.networks.build import build_model  # needs TensorFlow, unlike the tests above

    rows = [config for config in configurations(name) if row.items() <= config.items()]
    assert {build_model(ImageSettings.of(config), *data).count_params() for config in rows} == {parameters}
