"""Nodes on which another data set of the same name lies: no trial trains on it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import ray.cluster_utils

from search.experiment.schema import read_trials
from tests.support.crashes import Driver

pytestmark = pytest.mark.slow

SPACE = """
import os, pathlib, time
from search.space import Int, Space
from trainables.datasets.find import find_dataset
from trainables.datasets.load import load_data
from trainables.trial import Declaration

def train(config, trial):
    data = load_data({"dataset": config["dataset"]}, trial)
    here = pathlib.Path(os.environ["KERAS_HOME"])
    (here / f"seen-{config['n']}").touch()
    while len([*here.glob("seen-*")]) > 2 and not (here / "open").exists():
        time.sleep(0.02)
    yield {"epoch": 1, "value": float(data.train.images.sum())}

train.declaration = Declaration(find_dataset=find_dataset)
space = Space(train, {"n": Int(0, 7)}, dataset="own", metric="value", sampler="grid", stopping="none")
"""


def keras_home(folder: Path, pixel: int) -> str:
    """A cache of Keras with the data set `own`, whose images are of one grey."""
    (folder / "datasets").mkdir(parents=True, exist_ok=True)
    images, labels = np.full((60, 6, 5), pixel, np.uint8), np.arange(60) % 2
    images[:, 0, 0] = np.arange(60)
    np.savez(
        folder / "datasets/own.npz", x_train=images[:40], y_train=labels[:40], x_test=images[40:], y_test=labels[40:]
    )
    return str(folder)


@pytest.fixture
def nodes() -> Iterator[ray.cluster_utils.Cluster]:
    cluster = ray.cluster_utils.Cluster(
        initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False}
    )
    yield cluster
    cluster.shutdown()


def test_a_node_with_another_data_set_of_that_name_is_told_and_trains_nothing(
    nodes: ray.cluster_utils.Cluster, tmp_path: Path
) -> None:
    (tmp_path / "given.py").write_text(SPACE)
    right, wrong = (keras_home(tmp_path / name, pixel) for name, pixel in (("right", 10), ("wrong", 200)))
    for home in (right, wrong):
        nodes.add_node(num_cpus=1, env_vars={"KERAS_HOME": home})
    space = str(tmp_path / "given.py")
    driver = Driver(tmp_path, "--address", nodes.address, space=space, KERAS_HOME=right, SEARCH_DATA_DIR="")
    said = driver.wait_for_words(f"{wrong}/datasets/own.npz is not the 'own' with which the search was planned")
    (tmp_path / "right/open").touch()
    assert driver.finish() == 0, said + driver.output
    table = read_trials(driver.root).table
    assert table["state"].to_pylist() == ["complete"] * 8
    assert len(set(table["value"].to_pylist())) == 1


def test_data_that_change_while_a_search_runs_end_it_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "given.py").write_text(SPACE)
    home = keras_home(tmp_path / "home", 10)
    space = str(tmp_path / "given.py")
    driver = Driver(tmp_path, "--max-concurrent", "1", space=space, KERAS_HOME=home, SEARCH_DATA_DIR="")
    driver.wait_for_ended(2)
    keras_home(tmp_path / "home", 200)
    (tmp_path / "home/open").touch()
    assert driver.finish() == 1
    assert "own.npz is not the 'own' with which the search was planned" in driver.output.splitlines()[-1]
    assert len({value for value in read_trials(driver.root).table["value"].to_pylist() if value is not None}) == 1
