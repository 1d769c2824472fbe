"""Searches on a cluster of several node processes on this machine."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray.cluster_utils

from search.errors import SearchError
from search.experiment import read_trials
from search.loading import SpaceSource
from search.plan import Plan
from search.provenance import versions
from search.tuning.nodes import NodeView, check_view
from tests.crashes import Driver, check_whole
from tests.test_ledger import SPACE

PLAN = Plan(SpaceSource("space.py", ""), SPACE, "e", Path("results"), 5, 0, None, None, Path("/data"))


def test_a_node_with_what_the_driver_has_is_accepted() -> None:
    check_view(NodeView("10.0.0.7", versions(), sees_data=True, sees_results=False), PLAN)


@pytest.mark.parametrize("package", ["python", "ray", "tensorflow"])
def test_a_node_with_another_version_is_named(package: str) -> None:
    view = NodeView("10.0.0.7", {**versions(), package: "1.0"}, sees_data=True, sees_results=True)
    with pytest.raises(SearchError, match=rf"node 10\.0\.0\.7 has {package} 1\.0"):
        check_view(view, PLAN)


def test_a_node_without_the_data_is_named() -> None:
    view = dataclasses.replace(NodeView("10.0.0.7", versions(), sees_data=False, sees_results=True))
    with pytest.raises(SearchError, match=r"node 10\.0\.0\.7 does not see the data directory /data"):
        check_view(view, PLAN)


@pytest.fixture(scope="module")
def cluster() -> Iterator[ray.cluster_utils.Cluster]:
    nodes = ray.cluster_utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    yield nodes
    nodes.shutdown()


@pytest.mark.slow
def test_a_killed_node_costs_no_trial(cluster: ray.cluster_utils.Cluster, tmp_path: Path) -> None:
    """The trials of a node that dies are begun again on the other, and one that joins later is used."""
    dies = cluster.add_node(num_cpus=1)
    cluster.add_node(num_cpus=1)
    words = ("--set", "epochs=5", "--set", "sleep_s=0.1", "--trials", "24", "--address", cluster.address)
    driver = Driver(tmp_path, *words)
    driver.wait_for_ended(4)
    cluster.remove_node(dies, allow_graceful=False)
    driver.wait_for_ended(8)
    cluster.add_node(num_cpus=1)
    assert driver.finish(180) == 0, driver.output
    check_whole(driver.root, trials=24, epochs=5)
    assert len(set(read_trials(driver.root).table["worker"].to_pylist())) >= 3
