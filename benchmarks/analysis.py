"""How long the analysis of a large search takes: 10,000 trials of 50 epochs, table and standard figures.

python -m benchmarks.analysis [--trials 10000] [--epochs 50] [--runs 3]

Prints the seconds of each command as a user runs it, cold start included, and of its steps in one process that has
imported everything; each the least and the median of the runs, with the largest memory of the process.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from analysis.figures import make, save
from analysis.load import load
from analysis.tables import group_table, trial_table
from analysis.wording.formats import render

STANDARD = ("curves", "compare", "progress")


def write_search(root: Path, trials: int, epochs: int) -> None:
    """Write an experiment folder like that of a finished search: half of the trials pruned at 1, 3, 9 or 27 epochs."""
    rng = np.random.default_rng(0)
    rate = 10 ** rng.uniform(-4, -1, trials)
    final = 0.97 - 0.03 * (np.log10(rate) + 2.7) ** 2 + rng.normal(0, 0.005, trials)
    pruned = rng.random(trials) < 0.5
    lengths = np.where(pruned, np.minimum(rng.choice([1, 3, 9, 27], trials), epochs), epochs)
    names = np.array([f"t{number:05d}" for number in range(trials)])
    start = np.datetime64("2025-01-01", "s") + np.arange(trials) * np.timedelta64(2, "s")
    end = start + (lengths * 1000).astype("timedelta64[ms]")
    columns = {
        "trial_id": names, "number": np.arange(trials), "state": np.where(pruned, "pruned", "complete"),
        "seed": np.zeros(trials, int), "config.learning_rate": rate,
        "config.filters": rng.choice([16, 32, 64], trials), "config.kernel_size": rng.choice([3, 5], trials),
        "config.network": rng.choice(["two_conv", "resnet"], trials), "epochs": lengths, "best_epoch": lengths,
        "val_loss": 1.3 - final, "val_accuracy": final, "test_loss": np.where(pruned, np.nan, 1.32 - final),
        "test_accuracy": np.where(pruned, np.nan, final - 0.01), "started_at": start.astype("datetime64[us]"),
        "finished_at": end.astype("datetime64[us]"), "train_seconds": lengths * 0.9,
        "worker": np.array([f"node:{number % 16}" for number in range(trials)]),
    }  # fmt: skip
    table = pa.table(columns)
    for name in ("started_at", "finished_at"):
        at = table.schema.get_field_index(name)
        table = table.set_column(at, name, table[name].cast(pa.timestamp("us", tz="UTC")))
    pq.write_table(table, root / "trials.parquet")
    owner = np.repeat(np.arange(trials), lengths)
    epoch = np.concatenate([np.arange(1, length + 1) for length in lengths])
    value = final[owner] * (1 - np.exp(-0.4 * epoch))
    measures = {"loss": 1.2 - value, "accuracy": value + 0.01, "val_loss": 1.3 - value, "val_accuracy": value}
    pq.write_table(pa.table({"trial_id": names[owner], "epoch": epoch, **measures}), root / "epochs.parquet")
    (root / "manifest.json").write_text(json.dumps(_manifest()))


def _manifest() -> dict[str, object]:
    parameters = {
        "learning_rate": {"kind": "Float", "low": 1e-4, "high": 1e-1, "log": True},
        "filters": {"kind": "Choice", "options": ["16", "32", "64"]},
        "kernel_size": {"kind": "Choice", "options": ["3", "5"]},
        "network": {"kind": "Choice", "options": ["two_conv", "resnet"]},
    }
    space = {"metric": "val_accuracy", "mode": "max", "parameters": parameters, "fixed": {}}
    return {"name": "large", "space": space, "dataset": {"name": "mnist", "num_validation": 6000, "num_test": 10000}}


def timed(what: str, act: Callable[[], object], runs: int) -> None:
    """Print the least and the median of the seconds of several runs."""
    seconds = []
    for _ in range(runs):
        begin = time.perf_counter()
        act()
        seconds.append(time.perf_counter() - begin)
    print(f"  {what:44s} {min(seconds):6.2f} s   median {statistics.median(seconds):6.2f} s", flush=True)


def command(*words: str) -> Callable[[], object]:
    """Return what runs a command in a process of its own and throws its output away."""
    return lambda: subprocess.run([sys.executable, "-m", *words], check=True, capture_output=True)


def main() -> None:
    """Measure commands and steps."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=50)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        write_search(root, options.trials, options.epochs)
        print(f"{options.trials:,} trials of up to {options.epochs} epochs, least of {options.runs} runs")
        kinds = [word for kind in STANDARD for word in ("--kind", kind)]
        print("commands, cold:")
        timed("analysis.compare", command("analysis.compare", folder, "--output", f"{folder}/table.txt"), options.runs)
        timed("analysis.compare --by", command("analysis.compare", folder, "--by", "filters,kernel_size"), options.runs)
        timed(f"analysis.figures ({', '.join(STANDARD)})", command("analysis.figures", folder, *kinds), options.runs)
        timed("analysis.report", command("analysis.report", folder), options.runs)
        print("steps, warm:")
        timed("load trials and epochs", lambda: load(folder).epochs, options.runs)
        results = load(folder)
        timed("table of all trials as text", lambda: render(trial_table(results), "text"), options.runs)
        timed("grouped table", lambda: render(group_table(results, ["filters,kernel_size"]), "text"), options.runs)
        for kind in STANDARD:
            timed(f"{kind}, drawn", lambda kind=kind: make(kind, results), options.runs)  # type: ignore[misc]
            drawn = make(kind, results)
            timed(f"{kind}, PNG and SVG", lambda kind=kind, drawn=drawn: save(drawn, root / "out", kind), options.runs)  # type: ignore[misc]
        print(f"largest memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


if __name__ == "__main__":
    main()
