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
from trainables.errors import TrainableError
from trainables.settings.checks import check_image_settings, check_training_settings

TRAIN = """
from trainables.image_classifier import train
from trainables.trial import Trial
config = {"dataset": "digits", "network": "resnet", "image_size": 32, "sample_size": 64, "evaluation_size": 64}
for metrics in train(config | {"epochs": 1, "batch_size": 32, "filters": 4}, Trial(seed=0)):
    print({name: value for name, value in metrics.items() if name != "seconds"})
"""


def trained(home: Path, **config: object) -> str:
    """What a training reports in a process of its own with this `keras.json`."""
    home.mkdir()
    (home / "keras.json").write_text(json.dumps(config))
    environment = {**os.environ, "KERAS_HOME": str(home), "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", TRAIN], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_networks_are_the_same_whatever_the_file_of_keras_says(tmp_path: Path) -> None:
    plain = trained(tmp_path / "plain")
    assert "val_loss" in plain
    other = {"image_data_format": "channels_first", "floatx": "float16", "epsilon": 0.1, "backend": "jax"}
    assert trained(tmp_path / "other", **other) == plain


@pytest.mark.parametrize("check", [check_image_settings, check_training_settings])
def test_another_backend_is_refused_before_anything_is_trained(
    check: Callable[[dict[str, list[object]], None], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    with pytest.raises(TrainableError, match="KERAS_BACKEND is jax, and this trainable trains with TensorFlow; unset"):
        check({}, None)
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    check({}, None)


def test_command_under_another_backend_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    assert main([str(ROOT / "spaces" / "digits_filters.py"), "--dry-run"]) == 2
    assert capsys.readouterr().err.startswith("KERAS_BACKEND is torch, and this trainable trains with TensorFlow;")
