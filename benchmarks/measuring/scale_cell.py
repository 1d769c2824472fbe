"""Measures one cell of `benchmarks/scale.py`: one search as a command of its own, watched from outside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import psutil
from ray.cluster_utils import Cluster

from benchmarks.measuring.command import ROOT, SETTLE_S
from search.experiment.schema import read_trials
from search.planning.resources import usable_cpus

LOOK_EVERY_S = 0.2
MARK = "SCALE_BENCHMARK"
"""Name of the environment variable that tells the processes of this benchmark from others."""
os.environ[MARK] = str(os.getpid())


@dataclass(frozen=True)
class Cell:
    """What is searched, and where."""

    trials: int
    slots: int = 2
    nodes: int = 1
    sleep_s: float = 0.0
    sampler: str = "random"
    kind: str = "plain"
    """`plain`, `pruned`, `failing`, `resumed` (the second half of the trials), or a peer: `tune`, `tune-optuna`."""

    @property
    def is_peer(self) -> bool:
        """Whether the cell runs another system than this one."""
        return self.kind.startswith("tune")


@dataclass(frozen=True)
class Measured:
    """What was measured of one cell."""

    trials: int
    """Number of trials that this command ran."""
    seconds: float
    """Duration of the whole command."""
    first_s: float
    """Seconds from the command to the first trial's work, or, of a peer, to the end of its first trial."""
    per_trial_ms: float
    """Milliseconds a trial, from the first end of a trial to the last."""
    memory_mib: float
    """Largest resident memory of the driver in MiB that was seen."""
    workers: int
    """Number of training processes that were started, or, of a peer, of those that had a trial."""
    busy: float | None
    """Share of the time between a worker's first start and last end that it slept in trials, as they ask for."""
    ends: str
    """Number of trials by how they ended, in words."""


def measure(cell: Cell) -> Measured:
    """Run the cell and return what was measured."""
    with tempfile.TemporaryDirectory(prefix="scale-") as name, _cluster(cell) as address:
        folder = Path(name)
        if cell.kind == "resumed":
            _watch(_command(cell, folder, address, cell.trials // 2, resume=False))
        before = _ended(folder)
        began = time.time()
        seconds, memory, seen = _watch(_command(cell, folder, address, cell.trials, cell.kind == "resumed"))
        time.sleep(SETTLE_S)
        if cell.is_peer:
            return _of_peer(folder, began, seconds, memory)
        rows: pd.DataFrame = read_trials(folder / "nothing").table.to_pandas()
        return _of_rows(rows[~rows["trial_id"].isin(before)], cell, began, (seconds, memory, len(seen)))


@contextmanager
def _cluster(cell: Cell) -> Iterator[str]:
    """Yield the address of a cluster of logical slots, or `local` where this machine has as many cores anyway."""
    if cell.is_peer or (cell.nodes == 1 and cell.slots <= usable_cpus()):
        yield "local"
        return
    cores = -(-cell.slots // cell.nodes)
    nodes = Cluster(initialize_head=True, head_node_args={"num_cpus": cores, "include_dashboard": False})
    try:
        for _ in range(cell.nodes - 1):
            nodes.add_node(num_cpus=cores)
        yield nodes.address
    finally:
        nodes.shutdown()


def _command(cell: Cell, folder: Path, address: str, trials: int, resume: bool) -> list[str]:
    if cell.is_peer:
        words = ["--trials", str(trials), "--slots", str(cell.slots), "--output", str(folder / "ends.json")]
        return [*_module("benchmarks.peers.tune_nothing"), *words, *(["--optuna"] if cell.kind != "tune" else [])]
    settings = {"sleep_s": cell.sleep_s, "epochs": 4 if cell.kind == "pruned" else 1, "failing": cell.kind == "failing"}
    words = ["--trials", str(trials), "--sampler", cell.sampler, "--max-concurrent", str(cell.slots)]
    words += ["--address", address, "--results", str(folder), "--quiet", *(["--resume"] if resume else [])]
    words += ["--set", *(f"{name}={value!r}" for name, value in settings.items())]
    if cell.kind == "pruned":
        words += ["--stopping", "median"]
    return [*_module("search.run"), "benchmarks/spaces/nothing.py", *words]


def _module(name: str) -> list[str]:
    return [sys.executable, "-m", name]


def _watch(command: Sequence[str]) -> tuple[float, float, set[int]]:
    """Return the command's seconds, the driver's largest memory in MiB, and the training processes that were seen."""
    began, memory, seen = time.perf_counter(), 0, set[int]()
    with tempfile.TemporaryFile("w+") as output:
        driver = subprocess.Popen(command, cwd=ROOT, stdout=output, stderr=output)
        while driver.poll() is None:
            with suppress(psutil.Error):
                memory = max(memory, psutil.Process(driver.pid).memory_info().rss)
                seen |= _training_processes()
            time.sleep(LOOK_EVERY_S)
        if driver.returncode:
            output.seek(0)
            raise SystemExit(f"{' '.join(command)} failed:\n{output.read()[-4000:]}")
    return time.perf_counter() - began, memory / 2**20, seen


def _training_processes() -> set[int]:
    """Return the training processes of this benchmark, which inherit its mark."""
    found = set()
    for process in psutil.process_iter(["cmdline"]):
        if "search.trial.child" in (process.info["cmdline"] or ()):
            with suppress(psutil.Error):
                if process.environ().get(MARK) == os.environ[MARK]:
                    found.add(process.pid)
    return found


def _ended(folder: Path) -> set[str]:
    table = read_trials(folder / "nothing").table if (folder / "nothing").exists() else None
    return set(table["trial_id"].to_pylist()) if table is not None and len(table) else set()


def _of_rows(rows: pd.DataFrame, cell: Cell, began: float, watched: tuple[float, float, int]) -> Measured:
    seconds, memory, seen = watched
    starts, ends = (rows[name].astype("datetime64[us, UTC]").astype("int64") / 1e6 for name in _TIMES)
    spans = pd.DataFrame({"worker": rows["worker"], "start": starts, "end": ends}).groupby("worker")
    stood = float((spans["end"].max() - spans["start"].min()).sum())
    states = rows["state"].value_counts()
    return Measured(
        trials=len(rows),
        seconds=seconds,
        first_s=float(starts.min()) - began,
        per_trial_ms=1000 * float(ends.max() - ends.min()) / max(1, len(rows) - 1),
        memory_mib=memory,
        workers=max(seen, rows["worker"].nunique()),
        busy=cell.sleep_s * len(rows) / stood if cell.sleep_s and cell.kind == "plain" else None,
        ends=", ".join(f"{number} {state}" for state, number in states.items()),
    )


_TIMES = ("started_at", "finished_at")


def _of_peer(folder: Path, began: float, seconds: float, memory: float) -> Measured:
    found = json.loads((folder / "ends.json").read_text(encoding="utf-8"))["ends"]
    at = sorted(end for end, _ in found)
    return Measured(
        trials=len(at),
        seconds=seconds,
        first_s=at[0] - began,
        per_trial_ms=1000 * (at[-1] - at[0]) / max(1, len(at) - 1),
        memory_mib=memory,
        workers=len({pid for _, pid in found}),
        busy=None,
        ends=f"{len(at)} complete",
    )
