"""Nodes that come while a search runs: started by an autoscaler, or joined by hand and not as they should be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray._private.services
import ray.cluster_utils
import yaml

from search.cluster.nodes.capacity import addable, autoscaler_config
from search.experiment.schema import read_trials
from search.planning.resources import slots
from search.space.per_trial import Shape
from tests.support.crashes import ROOT, Driver
from tests.support.gated import Gate
from tests.support.ports import free_port

HEAD_ID = "f" * 51 + "00000"
"""What Ray's provider of several nodes on one machine calls its head."""
KINDS = {
    "head": {"resources": {"CPU": 2}, "max_workers": 0},
    "small": {"resources": {"CPU": 4, "GPU": 1}, "max_workers": 3},
    "large": {"resources": {"CPU": 48, "GPU": 4}, "max_workers": 1},
}
FILE = {"max_workers": 4, "head_node_type": "head", "available_node_types": KINDS}


def test_nodes_that_are_not_there_yet_count_up_to_each_kind_s_limit() -> None:
    alive = {"head": {"CPU": 2.0}, "one": {"CPU": 4.0, "GPU": 1.0}}
    assert addable(FILE, alive) == [{"CPU": 4.0, "GPU": 1.0}] * 2 + [{"CPU": 48.0, "GPU": 4.0}]
    assert len(addable(FILE, {"head": {"CPU": 2.0}})) == 4


def test_the_limit_of_the_whole_cluster_counts_too() -> None:
    alive = {"head": {"CPU": 2.0}} | {f"n{i}": {"CPU": 4.0, "GPU": 1.0} for i in range(2)}
    assert len(addable({**FILE, "max_workers": 3}, alive)) == 1
    assert addable({**FILE, "max_workers": 2}, alive) == []


def test_without_an_autoscaler_nothing_may_be_added() -> None:
    assert addable({}, {"head": {"CPU": 2.0}}) == []


def test_a_kind_without_resources_cannot_be_counted() -> None:
    bare = {"head": {}, "worker": {"node_config": {}, "max_workers": 3}}
    assert addable({**FILE, "available_node_types": bare}, {"head": {"CPU": 2.0}}) == []


def test_the_shipped_cluster_file_tells_what_its_workers_have() -> None:
    read = yaml.safe_load((ROOT / "cluster" / "gcp.yaml").read_text())
    assert addable(read, {"head": {"CPU": 0.0}}) == [{"CPU": 4.0, "GPU": 1.0}] * 8


def test_under_kuberay_what_may_run_at_once_counts_as_available(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_USAGE_STATS_KUBERAY_IN_USE", "1")
    shapes = (Shape(4, 1), Shape(1, 0.25))
    monkeypatch.setattr("psutil.process_iter", lambda names: [])  # Other tests' clusters.
    config = autoscaler_config(shapes, 3)
    assert autoscaler_config(shapes, None) == {}
    assert slots(addable(config, {"head": {"CPU": 0.0}}), shapes, 3) == 3


@pytest.fixture
def scaled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ray.cluster_utils.Cluster]:
    """A head without cores whose autoscaler, Ray's own, may start two nodes with one each."""
    port = free_port()
    address = f"{ray._private.services.get_node_ip_address()}:{port}"
    provider = {
        "type": "external",
        "module": "ray.autoscaler._private.fake_multi_node.node_provider.FakeMultiNodeProvider",
        "head_node_id": HEAD_ID,
        "gcs_address": address,
        "launch_multiple": True,
    }
    config: dict[str, object] = {
        "cluster_name": "scaled",
        "max_workers": 2,
        "provider": provider,
        "head_node_type": "ray.head.default",
        "available_node_types": {
            "ray.head.default": {"resources": {}, "node_config": {}, "max_workers": 0},
            "worker": {"resources": {"CPU": 1}, "node_config": {}, "min_workers": 0, "max_workers": 2},
        },
    }
    for name in ("setup_commands", "head_setup_commands", "worker_setup_commands", "initialization_commands"):
        config[name] = []
    for name in ("head_start_ray_commands", "worker_start_ray_commands", "cluster_synced_files", "rsync_exclude"):
        config[name] = []
    config |= {"rsync_filter": [], "docker": {}, "auth": {}, "file_mounts": {}, "file_mounts_sync_continuously": False}
    config |= {"idle_timeout_minutes": 10, "upscaling_speed": 1.0}
    file = tmp_path / "scaled.yaml"
    file.write_text(json.dumps(config))
    monkeypatch.setenv("AUTOSCALER_UPDATE_INTERVAL_S", "1")
    monkeypatch.setenv("RAY_FAKE_CLUSTER", "1")
    monkeypatch.setenv("RAY_enable_autoscaler_v2", "1")
    monkeypatch.setenv("RAY_CLOUD_INSTANCE_ID", HEAD_ID)
    monkeypatch.setenv("RAY_OVERRIDE_NODE_ID_FOR_TESTING", HEAD_ID)
    head = {"num_cpus": 0, "include_dashboard": False, "autoscaling_config": str(file), "gcs_server_port": port}
    cluster = ray.cluster_utils.Cluster(initialize_head=True, head_node_args=head)
    for name in ("RAY_CLOUD_INSTANCE_ID", "RAY_OVERRIDE_NODE_ID_FOR_TESTING"):
        monkeypatch.delenv(name)
    yield cluster
    cluster.shutdown()


@pytest.mark.slow
def test_a_search_on_a_cluster_without_workers_starts_them(scaled: ray.cluster_utils.Cluster, tmp_path: Path) -> None:
    driver = Driver(tmp_path, "--trials", "2", "--address", scaled.address)
    assert driver.finish(250) == 0, driver.output
    assert set(read_trials(driver.root).table["state"].to_pylist()) == {"complete"}


@pytest.mark.slow
def test_a_node_that_joins_late_with_other_versions_is_named_and_its_trial_begun_elsewhere(tmp_path: Path) -> None:
    other = tmp_path / "other" / "optuna-9.9.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: optuna\nVersion: 9.9\n")
    nodes = ray.cluster_utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    try:
        first = nodes.add_node(num_cpus=1)
        gate = Gate(tmp_path, trials=8)
        driver = Driver(tmp_path, "--address", nodes.address, space=gate.space)
        driver.wait_for_ended(2)
        nodes.remove_node(first, allow_graceful=False)
        nodes.add_node(num_cpus=1, env_vars={"PYTHONPATH": str(other.parent)})
        said = driver.wait_for_words("has optuna 9.9, the driver has")
        nodes.add_node(num_cpus=1)
        gate.open()
        assert driver.finish(200) == 0, said + driver.output
    finally:
        nodes.shutdown()
    states = read_trials(driver.root).table["state"].to_pylist()
    assert states == ["complete"] * 8
