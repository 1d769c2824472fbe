"""What a user has told Keras for other work, by a file or the environment, and what it does to the image classifier."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from search.run import main
from tests.support.shipped_spaces import ROOT
from trainables.engines.runtime import configure
from trainables.errors import TrainableError
from trainables.image_classifier import train
from trainables.settings.checks import check_image_settings, check_training_settings
from trainables.trial import Trial

configure(cpus=1)

TRAIN = """
from trainables.engines.runtime import configure
configure(cpus=1)
from tests.trainables.test_keras_config import trained
print(trained())
"""


def trained() -> str:
    """What a training of a network with convolutions and batch normalisation reports."""
    config = {"dataset": "digits", "sample_size": 64, "evaluation_size": 64, "epochs": 1, "filters": 4}
    reports = list(train(config | {"network": "two_conv"}, Trial(seed=0)))
    return repr([{name: value for name, value in report.items() if name != "seconds"} for report in reports])


def test_networks_are_the_same_whatever_the_file_of_keras_says(tmp_path: Path) -> None:
    other = {"image_data_format": "channels_first", "floatx": "float16", "epsilon": 0.1}
    (tmp_path / "keras.json").write_text(json.dumps(other))
    environment = {**os.environ, "KERAS_HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", TRAIN], env=environment, capture_output=True, text=True, check=False)
    assert done.stdout == trained() + "\n", done.stderr


@pytest.mark.parametrize("check", [check_image_settings, check_training_settings])
def test_another_backend_is_refused_before_anything_is_trained(
    check: Callable[[dict[str, list[object]], None], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    with pytest.raises(TrainableError, match="KERAS_BACKEND is jax, and this trainable trains with TensorFlow; unset"):
        check({}, None)
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    check({}, None)


def test_backend_of_the_file_of_keras_counts_where_the_environment_names_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "keras.json"
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("KERAS_BACKEND", "")
    file.write_text('{"backend": "jax"}')
    with pytest.raises(TrainableError, match=f"{file} asks for backend jax, and .*; set KERAS_BACKEND=tensorflow, or"):
        check_image_settings({}, None)
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    check_image_settings({}, None)
    monkeypatch.delenv("KERAS_BACKEND")
    for harmless in ('{"backend": "tensorflow"}', "{}", "[", "[]"):
        file.write_text(harmless)
        check_image_settings({}, None)


def test_command_under_another_backend_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    assert main([str(ROOT / "spaces" / "digits_filters.py"), "--dry-run"]) == 2
    assert capsys.readouterr().err.startswith("KERAS_BACKEND is torch, and this trainable trains with TensorFlow;")
