"""Whole searches on nodes with logical GPUs: shares, shapes, memory that runs out; Ray needs no real one to count."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import ray.cluster_utils

from search.experiment.schema import read_trials
from tests.support.crashes import Driver

pytestmark = pytest.mark.slow

SPACE = """
    import os, time
    from search.space import Choice, Float, Space

    def train(config, trial):
        for epoch in range(3):
            time.sleep(config["sleep_s"])
            if config["kind"] == "greedy" and trial.gpus < 1:
                raise MemoryError("a tensor too many")
            card = float(os.environ["CUDA_VISIBLE_DEVICES"].split(",")[0])
            yield {"value": config["x"], "card": card, "gpus": trial.gpus, "pid": os.getpid()}

    space = Space(
        trainable=train,
        parameters={"kind": Choice("small", "large", "greedy"), "x": Float(0, 1)},
        fixed={"sleep_s": 0.05, "batch_size": 64},
        metric="value", sampler="random", stopping="none", trials=16,
        cpus_per_trial=0.25, gpus_per_trial=GPUS,
    )
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[ray.cluster_utils.Cluster]:
    """A head without cores, and a node with two GPUs, as far as Ray knows."""
    nodes = ray.cluster_utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    nodes.add_node(num_cpus=2, num_gpus=2)
    yield nodes
    nodes.shutdown()


def search(cluster: ray.cluster_utils.Cluster, folder: Path, gpus: str, *words: str) -> tuple[Driver, pd.DataFrame]:
    """Run to the end: the driver and the table of trials."""
    file = folder / "shared.py"
    file.write_text(textwrap.dedent(SPACE).replace("GPUS", gpus))
    driver = Driver(folder, "--address", cluster.address, *words, space=str(file))
    assert driver.finish(200) == 0, driver.output
    return driver, read_trials(driver.root).table.to_pandas()


def test_four_halves_share_two_gpus_and_each_worker_sees_its_own(
    cluster: ray.cluster_utils.Cluster, tmp_path: Path
) -> None:
    _, trials = search(cluster, tmp_path, "0.5", "--trials", "10", "--set", "kind=small")
    assert (trials.state == "complete").all()
    assert trials.worker.nunique() == 4
    assert Counter(trials.groupby("worker").card.agg("first")) == {0.0: 2, 1.0: 2}
    assert (trials.groupby("worker").card.nunique() == 1).all()


def test_two_shapes_and_a_second_attempt_alone_share_a_search(
    cluster: ray.cluster_utils.Cluster, tmp_path: Path
) -> None:
    driver, trials = search(cluster, tmp_path, '[({"kind": "large"}, 1), 0.5]', "--trials", "14", "--oom-retry")
    kind = trials["config.kind"]
    assert (trials.state == "complete").all(), driver.output
    assert set(kind) == {"small", "large", "greedy"}
    assert dict(trials.groupby(kind).gpus.unique().map(list)) == {"small": [0.5], "large": [1.0], "greedy": [1.0]}
    assert trials.worker.nunique() <= 10  # And not one for each of the trials and second attempts.
    never_shared(trials[kind != "greedy"])  # Which of two attempts was where its row does not tell.


def never_shared(trials: pd.DataFrame) -> None:
    """No card had more than one whole worker, or two halves, at a time."""
    for card in set(trials.card):
        here = trials[trials.card == card]
        for began in here.started_at:
            then = here[(here.started_at <= began) & (began < here.finished_at)]
            assert then.groupby("worker").gpus.first().sum() <= 1.0
