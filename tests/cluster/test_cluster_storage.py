"""A node that does not see the experiment folder, as a real process with a file system of its own there."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import ray.cluster_utils

from search.experiment.schema import read_epochs
from tests.support.crashes import ROOT, Driver, check_whole
from tests.support.processes import kill
from tests.support.s3_server import S3Server

pytestmark = pytest.mark.slow


@pytest.fixture
def blind(s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of a cluster whose only worker node does not see `tmp_path / "results"`."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    results = tmp_path / "results"
    results.mkdir()
    apart = ["unshare", "-m", "sh", "-c", f'mount -t tmpfs tmpfs "{results}" && exec "$@"', "sh"]
    if shutil.which("unshare") is None or subprocess.run([*apart, "true"], capture_output=True, check=False).returncode:
        pytest.skip("a node cannot have a file system of its own here: it takes root")
    nodes = ray.cluster_utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    start = [str(Path(sys.executable).with_name("ray")), "start", f"--address={nodes.address}", "--num-cpus=2"]
    node = subprocess.Popen(
        [*apart, *start, "--block"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    while sum(known["Alive"] for known in nodes.global_state.node_table()) < 2:
        assert node.poll() is None
        time.sleep(0.1)
    yield nodes.address
    processes = psutil.Process(node.pid).children(recursive=True)
    node.send_signal(signal.SIGTERM)
    node.wait()
    kill(psutil.wait_procs(processes, timeout=5)[1])
    nodes.shutdown()


def test_a_node_without_the_folder_delivers_all_and_its_trials_go_on_from_the_store(
    blind: str, s3: S3Server, tmp_path: Path
) -> None:
    """Metrics need no shared storage; what does is told; Ctrl-C reaches the node, and its checkpoints the store."""
    space = str(ROOT / "spaces/branin.py")
    settings = ("--set", "epochs=40", "--set", "sleep_s=0.2", "--address", blind, "--results", s3.address())

    def driver(*words: str) -> Driver:
        return Driver(Path("results"), *settings, *words, space=space, folder=tmp_path)

    root = tmp_path / "results/branin"
    first = driver("--trials", "2")
    first.wait_for(lambda: len(read_epochs(root).table) >= 2)
    first.interrupt()
    assert first.finish() == 130, first.output
    assert "checkpoints and models go to s3://bucket/results/branin directly" in first.output
    store = s3.store("bucket/results/branin")
    saved = {name.split("/")[1]: int(name.split("/")[2]) for name in store.list() if name.endswith("reported.json")}
    assert saved
    again = driver("--trials", "2", "--resume")
    assert again.finish() == 0, again.output
    check_whole(root, trials=2, epochs=40, cut_off=2)
    assert not any(name.startswith("checkpoints") for name in store.list())
    assert not (root / "checkpoints").exists()
