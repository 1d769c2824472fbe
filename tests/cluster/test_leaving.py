"""The end of a command: what was found is told first, then the cluster is left, and nothing stays behind."""

import json
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from search.cluster.local import absent_agent
from tests.support.crashes import ROOT
from tests.support.processes import existing

SEARCH = """
import sys
import psutil, ray
from search import run

shutdown = ray.shutdown

def words(child):
    try:
        return child.cmdline()
    except psutil.Error:  # It has ended meanwhile.
        return []

def leave():
    children = psutil.Process().children(recursive=True)
    print("LEAVES", *(child.pid for child in children))
    print("RUNS", *(word for child in children for word in words(child)), flush=True)
    shutdown()

ray.shutdown = leave
run._leave(run.main(sys.argv[1:]))
"""


@pytest.mark.slow
def test_all_is_stored_and_told_before_the_cluster_is_left_and_no_process_stays(tmp_path: Path) -> None:
    words = ["spaces/branin.py", "--trials", "2", "--set", "epochs=2", "--set", "sleep_s=0", "--results", str(tmp_path)]
    done = subprocess.run([sys.executable, "-c", SEARCH, *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told, leaves, runs = done.stdout.partition("LEAVES")[0], *done.stdout.splitlines()[-2:]
    assert "best" in told
    assert json.loads((tmp_path / "branin/manifest.json").read_text())["state"] == "finished"
    processes = [int(word) for word in leaves.split()[1:]]
    assert processes
    assert not any(daemon in runs for daemon in ("dashboard/dashboard.py", "log_monitor.py", "autoscaler"))
    assert "ray::DashboardAgent" not in runs  # So its raylet has started with what stands for its agents.
    assert "ray::RuntimeEnvAgent" not in runs
    _, alive = psutil.wait_procs(existing(processes), timeout=30)
    assert not alive


AGENT = """
import subprocess, sys
agent = subprocess.Popen([sys.executable, "-I", "-S", *sys.argv[1:]])
print(agent.pid, flush=True)
agent.wait()
"""


def test_what_stands_for_an_agent_writes_that_it_has_no_port_and_ends_with_its_raylet(tmp_path: Path) -> None:
    words = ["ray/dashboard/agent.py", f"--session-dir={tmp_path}", "--node-id=n1", "--minimal"]
    raylet = subprocess.Popen(
        [sys.executable, "-c", AGENT, absent_agent.__file__, *words], stdout=subprocess.PIPE, text=True
    )
    assert raylet.stdout is not None
    agent = psutil.Process(int(raylet.stdout.readline()))
    files = [tmp_path / f"{name}_n1" for name in absent_agent.PORTS["dashboard"]]
    while not all(file.exists() for file in files) and agent.is_running():
        time.sleep(0.01)
    assert {file.read_text() for file in files} == {"-1"}
    raylet.kill()
    raylet.wait()
    raylet.stdout.close()
    _, alive = psutil.wait_procs([agent], timeout=30)
    assert not alive
