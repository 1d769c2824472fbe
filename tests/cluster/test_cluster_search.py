"""Searches on a cluster of several node processes on this machine."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import ray.cluster_utils

from search.cluster.connection import connected
from search.cluster.nodes.calls import ask_nodes
from search.cluster.nodes.checks import NodeView, check_view
from search.errors import SearchError
from search.planning.plan import Plan
from search.planning.provenance import versions
from search.space.loading import SpaceFile
from tests.support.crashes import Driver, check_whole
from tests.support.gated import EPOCHS, FREE, Gate
from tests.support.processes import is_gone
from tests.support.search_world import SPACE

PLAN = Plan(SpaceFile("space.py", ""), SPACE, "e", Path("results"), 5, 0, None, None, Path("/data"))


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


HEALTH = {
    "health_check_initial_delay_ms": 1000,
    "health_check_period_ms": 500,
    "health_check_timeout_ms": 3000,
    "health_check_failure_threshold": 4,
}
"""A node that does not answer is given up after a quarter of a minute; Ray's own figures make it a whole one."""


def head(**more: object) -> ray.cluster_utils.Cluster:
    """A cluster of a head without cores."""
    node = {"num_cpus": 0, "include_dashboard": False, **more}
    return ray.cluster_utils.Cluster(initialize_head=True, head_node_args=node)


@pytest.fixture(scope="module")
def cluster() -> Iterator[ray.cluster_utils.Cluster]:
    nodes = head()
    yield nodes
    nodes.shutdown()


@pytest.fixture
def impatient() -> Iterator[ray.cluster_utils.Cluster]:
    nodes = head(_system_config=HEALTH)
    yield nodes
    nodes.shutdown()


@pytest.mark.slow
def test_a_node_that_has_just_died_does_not_refuse_the_search(cluster: ray.cluster_utils.Cluster) -> None:
    """Ray has not noticed yet when the nodes are asked what they have."""
    living, dead = (cluster.add_node(num_cpus=1) for _ in range(2))
    with connected(cluster.address):
        cluster.remove_node(dead, allow_graceful=False)
        answers = {node["NodeID"]: answer for node, answer in ask_nodes(str.upper, 120.0)}
    assert answers.keys() == {cluster.head_node.node_id, living.node_id}
    assert all(isinstance(answer, str) for answer in answers.values())
    cluster.remove_node(living)


@pytest.mark.slow
def test_a_killed_node_costs_no_trial(cluster: ray.cluster_utils.Cluster, tmp_path: Path) -> None:
    """The trials of a node that dies are begun again on the other, and one that joins later is used."""
    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
    gate = Gate(tmp_path, trials=16)
    driver = Driver(tmp_path, "--address", cluster.address, space=gate.space)
    driver.wait_for(lambda: len(gate.workers()) >= 2)
    cluster.remove_node(nodes[0], allow_graceful=False)
    nodes[0] = cluster.add_node(num_cpus=1)
    driver.wait_for(lambda: len(gate.workers()) >= 3)
    gate.open()
    assert driver.finish() == 0, driver.output
    check_whole(driver.root, trials=16, epochs=EPOCHS)
    for node in nodes:
        cluster.remove_node(node)


@pytest.mark.slow
def test_processes_forked_on_a_node_end_with_it_and_with_the_driver(
    cluster: ray.cluster_utils.Cluster, tmp_path: Path
) -> None:
    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
    gate = Gate(tmp_path, trials=16, forks=True)
    driver = Driver(tmp_path, "--address", cluster.address, space=gate.space)
    driver.wait_for(lambda: len(gate.workers()) >= 2)
    forked = [psutil.Process(pid) for pid in gate.workers()]
    servers = [process.parent() for process in forked]
    killed, other = (psutil.Process(node.all_processes["raylet"][0].process.pid) for node in nodes)
    there = [p for p in killed.children(recursive=True) if p in (*forked, *servers)]
    elsewhere = [p for p in other.children(recursive=True) if p in (*forked, *servers)]
    assert (len(there), len(elsewhere)) == (2, 2), "each node has a server of its own, and a process of it"
    assert [server.environ().get("SET_BY_SPACE") for server in servers if server is not None] == ["1", "1"]
    cluster.remove_node(nodes[0], allow_graceful=False)
    assert not psutil.wait_procs(there, timeout=20)[1]
    assert all(process.is_running() for process in elsewhere)
    driver.kill()
    assert not psutil.wait_procs(elsewhere, timeout=20)[1]
    cluster.remove_node(nodes[1])


@pytest.mark.slow
def test_a_node_that_freezes_and_comes_back_in_time_goes_on(cluster: ray.cluster_utils.Cluster, tmp_path: Path) -> None:
    nodes = [cluster.add_node(num_cpus=1) for _ in range(2)]
    gate = Gate(tmp_path, trials=10)
    driver = Driver(tmp_path, "--address", cluster.address, space=gate.space)
    driver.wait_for(lambda: len(gate.workers()) >= 2)
    frozen = freeze(nodes[0])
    gate.open()
    driver.wait_for_ended(FREE)
    thaw(frozen)
    assert driver.finish() == 0, driver.output
    check_whole(driver.root, trials=10, epochs=EPOCHS)
    for node in nodes:
        cluster.remove_node(node)


@pytest.mark.slow
def test_a_node_that_comes_back_after_it_was_given_up_doubles_no_trial(
    impatient: ray.cluster_utils.Cluster, tmp_path: Path
) -> None:
    """Its trial is begun again on another node before it wakes, and goes on there until its node has ended itself."""
    nodes = [impatient.add_node(num_cpus=1) for _ in range(2)]
    gate = Gate(tmp_path, trials=12)
    driver = Driver(tmp_path, "--address", impatient.address, space=gate.space)
    driver.wait_for(lambda: len(gate.workers()) >= 2)
    driver.wait_for_ended(FREE)
    frozen = freeze(nodes[0])
    driver.wait_for(lambda: not is_alive(impatient, nodes[0]))
    nodes.append(impatient.add_node(num_cpus=1))
    driver.wait_for(lambda: len(gate.workers()) >= 3)
    thaw(frozen)
    driver.wait_for(lambda: all(is_gone(process.pid) for process in frozen))
    gate.open()
    assert driver.finish() == 0, driver.output
    check_whole(driver.root, trials=12, epochs=EPOCHS)
    assert "was lost" in driver.output
    assert "raylet" not in driver.output  # Ray's own report of a lost node is dozens of lines long.


def freeze(node: ray._private.node.Node) -> list[psutil.Process]:
    """Stop all processes of a node, the raylet first."""
    (raylet,) = node.all_processes["raylet"]
    frozen = [psutil.Process(raylet.process.pid)]
    frozen[0].suspend()
    # A process that still runs may start or end others meanwhile, so that they are listed until nothing is new.
    while new := [process for process in frozen[0].children(recursive=True) if process not in frozen]:
        for process in new:
            with suppress(psutil.NoSuchProcess):
                process.suspend()
        frozen += new
    return frozen


def thaw(processes: list[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.resume()


def is_alive(cluster: ray.cluster_utils.Cluster, node: ray._private.node.Node) -> bool:
    return any(n["Alive"] for n in cluster.global_state.node_table() if n["NodeID"] == node.node_id)
