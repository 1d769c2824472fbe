"""What a population finds with real training, against searches whose trials keep their settings, in equal epochs.

    python -m benchmarks.one_process.population [--seeds 5]

One trial at a time on one core, without Ray, so that a seed gives the same numbers each time. A population of 8 trains
8 times 27 epochs; the others begin nothing new once they have trained as many, and end what runs. `none` trains 8
random configurations to their end: a population that changes nothing.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from statistics import fmean

from benchmarks.measuring.printed import mean_and_deviation
from benchmarks.one_process.search import results_to, search_in_one_process
from search.planning.provenance import git_commit, hardware, versions

POPULATION = Path("benchmarks/spaces/population_digits.py")
ALONE = Path("benchmarks/spaces/population_digits_alone.py")
EPOCHS = 8 * 27
CONTESTANTS: dict[str, tuple[Path, list[str]]] = {
    "population": (POPULATION, []),
    "random, none": (ALONE, ["--sampler", "random", "--stopping", "none", "--trials", "8"]),
    "random, asha": (ALONE, ["--sampler", "random", "--epoch-budget", str(EPOCHS)]),
    "mfgp, asha (the default)": (ALONE, ["--epoch-budget", str(EPOCHS)]),
}


def search(name: str, seed: int, folder: Path) -> tuple[float, float, int]:
    """Return the best validation accuracy, the test accuracy of that trial, and the epochs that were trained."""
    file, words = CONTESTANTS[name]
    to = results_to(folder, f"{[*CONTESTANTS].index(name)}-{seed}")
    trials = search_in_one_process([str(file), *words, "--seed", str(seed), *to]).trials
    best = trials.leading
    assert best is not None
    return float(str(best.row["val_accuracy"])), float(str(best.row["test_accuracy"])), trials.epochs


def main() -> None:
    """Run all searches, print the numbers of each, and then a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.one_process.population")
    parser.add_argument("--seeds", type=int, default=5)
    seeds = range(parser.parse_args().seeds)
    print(hardware(), versions(), git_commit(Path.cwd()), sep="\n")
    found: dict[str, list[tuple[float, float, int]]] = {name: [] for name in CONTESTANTS}
    with tempfile.TemporaryDirectory() as folder:
        for seed in seeds:
            for name, runs in found.items():
                runs.append(search(name, seed, Path(folder)))
                print(seed, name, *runs[-1], flush=True)
    print("\n| search | best val_accuracy | its test_accuracy | epochs |\n|---|---:|---:|---:|")
    for name, runs in found.items():
        best, test, epochs = zip(*runs, strict=True)
        print(f"| {name} | {mean_and_deviation(best)} | {mean_and_deviation(test)} | {fmean(epochs):.0f} |")


if __name__ == "__main__":
    main()
