"""Spaces with backbones before training: weights that are missing, smoke runs without them, epochs of two stages."""

from pathlib import Path

import pytest

from search.experiment.folder import Experiment
from search.planning.make_plan import make_plan
from search.planning.options import parse
from search.planning.plan import Plan
from search.planning.provenance import make_manifest
from search.run import USER_ERROR, main

SPACE = """
from search.space import Choice, Space
from trainables.image_classifier import train
space = Space(
    train, {"network": Choice("two_conv", "mobilenet_v2"), "learning_rate": Choice(1e-3, 1e-4)}, dataset="digits",
    fixed={"image_size": 32, "epochs": 5, "second_epochs": 3, "second_learning_rate": 1e-5}, trials=4,
)
"""


@pytest.fixture(autouse=True)
def given(elsewhere: None) -> None:
    """The space file, in an empty folder."""
    Path("given.py").write_text(SPACE)


def plan(line: str, said: list[str] | None = None) -> Plan:
    words = ("given.py", *line.split())
    return make_plan(parse(words), words, warn=(said if said is not None else []).append)


def test_missing_weights_are_one_line_before_training(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["given.py"]) == USER_ERROR
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert "imagenet weights of mobilenet_v2 are not at hand" in line
    assert "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5" in line


def test_smoke_run_takes_random_weights_where_there_are_none() -> None:
    said: list[str] = []
    assert plan("--smoke", said).space.fixed["weights"] == "none"
    assert said[-1] == "NOTE: this smoke run takes weights=none instead."


def test_smoke_run_takes_the_weights_that_are_there(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "weights"
    folder.mkdir(parents=True)
    (folder / "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5").write_bytes(b"")
    assert "weights" not in plan(f"--smoke --data-dir {folder.parent}").space.fixed


def test_a_resume_with_other_weights_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "own.h5").write_bytes(b"first")
    given = plan("--set network=mobilenet_v2 --set weights=own.h5")
    assert sorted(given.contents) == ["digits", "own.h5"]
    Experiment.create(given.root, given.space, given.space_file.text, make_manifest(given)).close()
    (tmp_path / "own.h5").write_bytes(b"other")
    assert main(["given.py", "--set", "network=mobilenet_v2", "--set", "weights=own.h5", "--resume"]) == USER_ERROR
    assert "'own.h5' is not the file that results/given was searched with" in capsys.readouterr().err


def test_full_trial_has_the_epochs_of_both_stages() -> None:
    assert plan("--set weights=none").max_epochs == 8
