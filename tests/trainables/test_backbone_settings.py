"""What is wrong with a backbone's settings or weights, told on the driver, in one line, without Keras."""

import hashlib
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.small_backbones import random_images
from trainables.errors import TrainableError
from trainables.settings.backbones import BACKBONES
from trainables.settings.checks import check_image_settings
from trainables.settings.image import ImageSettings
from trainables.settings.regimes import check_weights_files
from trainables.settings.weights import WeightsMissing, keras_models, obtain_weights, weights_at_hand

SIZE = (150, 150)


@pytest.fixture(autouse=True)
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No network, and an empty cache of Keras."""
    for name in ("https_proxy", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"network": ["vgg61"]}, "vgg16"),
        ({"network": ["vgg16"], "unfreeze_depth": ["block9"]}, "no block 'block9'.*block5"),
        ({"network": ["vgg16"], "unfreeze_depth": [0, 40]}, "unfreeze_depth is 40 and vgg16 has 19 layers"),
        ({"network": ["vgg16"], "unfreeze_depth": [-1]}, "from 0, or the name of a block"),
        ({"network": ["vgg16"], "regime": ["frozen"], "unfreeze_depth": [4]}, "no effect in the regime frozen"),
        ({"network": ["vgg16"], "regime": ["unfreeze"], "second_epochs": [4]}, "read in two_stage"),
        ({"network": ["vgg16"], "regime": ["scratch"], "weights": ["imagenet"]}, "'weights' has no effect"),
        ({"network": ["vgg16"], "alpha": [0.5]}, "'alpha' has no effect on network vgg16"),
        ({"network": ["vgg16"], "rescaling": ["unit"]}, "'rescaling' has no effect on network vgg16"),
        ({"network": ["two_conv"], "unfreeze_depth": [1]}, "'unfreeze_depth' has no effect on network two_conv"),
        ({"network": ["vgg16"], "cached_augmentations": [3]}, "no effect without augmentation"),
        ({"network": ["xception"], "image_size": [70]}, "at least 71 pixels"),
        ({"network": ["vgg16"], "pooling": ["mean"]}, "flatten, avg, max"),
    ],
)
def test_setting_that_cannot_work_is_named(settings: dict[str, Sequence[object]], words: str) -> None:
    with pytest.raises(TrainableError, match=words):
        check_image_settings(settings, random_images(150).info)


def test_spaces_that_mix_networks_may_hold_the_settings_of_each() -> None:
    mixed: dict[str, Sequence[object]] = {
        "network": ["two_conv", "vgg16", "xception"],
        "rescaling": ["unit"],
        "unfreeze_depth": ["block14", 4],
    }
    check_image_settings({**mixed, "regime": ["frozen", "unfreeze"], "kernel_size": [3]}, None)


@pytest.mark.parametrize(
    ("settings", "regime"),
    [
        ({}, "frozen"),
        ({"unfreeze_depth": 4}, "unfreeze"),
        ({"unfreeze_depth": 4, "second_epochs": 5}, "two_stage"),
        ({"unfreeze_depth": 4, "second_epochs": 5, "regime": "frozen"}, "frozen"),
    ],
)
def test_regime_that_is_not_given_follows_from_what_is(settings: dict[str, object], regime: str) -> None:
    assert ImageSettings.of({"network": "vgg16", **settings}).regime == regime


def test_missing_weights_are_one_line_that_says_where_to_put_them(tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing) as caught:
        check_weights_files({"network": ["two_conv", "densenet121"]}, None, tmp_path)
    text = str(caught.value)
    assert "\n" not in text
    assert f"{tmp_path}/weights and {keras_models()} have no densenet121_weights_tf_dim" in text
    assert "weights=none" in text


@pytest.mark.parametrize(
    "settings",
    [
        {"network": ["two_conv"]},
        {"network": ["vgg16"], "weights": ["none"]},
        {"network": ["vgg16"], "regime": ["scratch"]},
    ],
)
def test_weights_that_no_trial_reads_are_not_looked_for(settings: dict[str, Sequence[object]]) -> None:
    check_weights_files(settings, None, None)


def test_weights_lie_in_the_data_directory_or_in_the_cache_of_keras(tmp_path: Path) -> None:
    name = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_224_no_top.h5"
    for folder in (keras_models(), tmp_path / "weights"):
        folder.mkdir(parents=True)
        (folder / name).write_bytes(b"")
        check_weights_files({"network": ["mobilenet_v2"], "alpha": [0.35]}, None, tmp_path)
        assert weights_at_hand("imagenet", "mobilenet_v2", 0.35, SIZE, tmp_path) == folder / name


def test_path_of_weights_is_relative_to_the_data_directory(tmp_path: Path) -> None:
    (tmp_path / "own.h5").write_bytes(b"")
    assert weights_at_hand("own.h5", "vgg16", 1.0, SIZE, tmp_path) == tmp_path / "own.h5"
    with pytest.raises(WeightsMissing, match=rf"no weights file at {tmp_path}/other\.h5"):
        check_weights_files({"network": ["vgg16"], "weights": ["other.h5"]}, None, tmp_path)


def test_weights_that_are_found_are_told_by_their_content(tmp_path: Path) -> None:
    settings = {"network": ["vgg16"], "weights": ["own.h5"]}
    digests = []
    for content in (b"first", b"other"):
        (tmp_path / "own.h5").write_bytes(content)
        digests.append(check_weights_files(settings, None, tmp_path))
    assert [list(found) for found in digests] == [["own.h5"], ["own.h5"]]
    assert digests[0] != digests[1]


def test_multiplier_without_published_weights_is_named() -> None:
    with pytest.raises(TrainableError, match=r"alpha=0\.35; expected one of 0\.75, 1"):
        check_weights_files({"network": ["mobilenet_v3_large"], "alpha": [0.35]}, None, None)


def test_image_size_chooses_the_weights_of_mobilenet_v2() -> None:
    names = {side: BACKBONES["mobilenet_v2"].weights_file(0.5, (side, side)).name for side in (96, 100, 192, 300)}
    assert [name.split("_")[-3] for name in names.values()] == ["96", "224", "192", "224"]


def test_download_that_is_not_the_published_file_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "published.h5"
    file.write_bytes(b"weights")
    known = type(BACKBONES["vgg16"])
    for md5, kept in ((hashlib.md5(b"others").hexdigest(), False), (hashlib.md5(b"weights").hexdigest(), True)):
        entry = known("VGG16", "caffe", 19, (), "https://example.org/published.h5", md5=md5)
        monkeypatch.setitem(BACKBONES, "vgg16", entry)
        monkeypatch.setattr("trainables.settings.weights.urllib.request.urlopen", lambda *_, **__: _Response(file))
        if kept:
            assert obtain_weights("imagenet", "vgg16", 1.0, SIZE, None).read_bytes() == b"weights"
        else:
            with pytest.raises(WeightsMissing, match="not the file that Keras publishes"):
                obtain_weights("imagenet", "vgg16", 1.0, SIZE, None)
            assert weights_at_hand("imagenet", "vgg16", 1.0, SIZE, None) is None


class _Response:
    """A file served as the network would."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self.headers = {"Content-Length": str(path.stat().st_size)}
        self.read = self._file.read

    def __enter__(self) -> "_Response":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def test_check_needs_no_framework() -> None:
    code = """
import sys
from trainables.image_classifier import train
train.declaration.check({"network": ["vgg16"], "unfreeze_depth": [4, "block5"]}, None)
train.declaration.check_files({"network": ["vgg16"], "weights": ["none"]}, None, None)
assert not {"tensorflow", "keras", "h5py"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)
