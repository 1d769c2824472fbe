"""How much sooner does a search find what is good on one data set when it knows a search on another one?

    python -m benchmarks.simulator.warm_start --seeds 6 --store warm.jsonl

The earlier search is a random one: the first trainings of the table of Fashion-MNIST. The later ones have the same
space and train on MNIST, for real, in simulated time (`tables/trained.py`), with four workers, by the default sampler
and rule. Each run is appended to the store as it ends, and is not run again. SEARCH_DATA_DIR names the data.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections import defaultdict
from itertools import product
from pathlib import Path

import numpy as np
import optuna

from benchmarks.simulator.clock import simulate
from benchmarks.simulator.product import Product
from benchmarks.simulator.tables.nearest import SPACES, path_of
from benchmarks.simulator.tables.stored import read
from benchmarks.simulator.tables.trained import TrainedTask, task_on
from search.sampling import Finished

BUDGETS = (1, 2, 3, 5, 10)
WORKERS = 4
SPACE, DATASET = "fashion", "mnist"


def earlier(trials: int) -> list[Finished]:
    """Return the first so many trainings of the table, as a search is told of an earlier one."""
    table = read(path_of(SPACE, 0), SPACES[SPACE])
    pairs = list(zip(table.configs, table.values.tolist(), strict=True))[:trials]
    return [
        Finished("failed", None, config)
        if np.isnan(values).any()
        else Finished("complete", max(values), config, dict(enumerate(values, 1)))
        for config, values in pairs
    ]


def accuracies(task: TrainedTask, seed: int, known: int) -> list[float]:
    """Return the best validation accuracy after the epochs of each of the budgets, in whole trainings."""
    search = Product(task, seed, "mfgp", "asha", known=earlier(known))
    best, median = task.scale
    regrets = simulate(task, search, WORKERS, BUDGETS, seed).regret
    return [best - regret / 100 * (best - median) for regret in regrets]


def table(store: Path) -> str:
    """Return the runs as Markdown: mean and standard error, by what was known."""
    runs: dict[int, list[list[float]]] = defaultdict(list)
    for line in store.read_text().splitlines():
        run = json.loads(line)
        runs[run["known"]].append(run["accuracies"])
    heads = " | ".join(f"@{budget}" for budget in BUDGETS)
    lines = [f"| trials known of Fashion-MNIST | {heads} | runs |", "|---:|" + "---:|" * (len(BUDGETS) + 1)]
    for known, found in sorted(runs.items()):
        means, errors = np.mean(found, axis=0), np.std(found, axis=0) / len(found) ** 0.5
        cells = " | ".join(f"{mean:.4f} ± {error:.4f}" for mean, error in zip(means, errors, strict=True))
        lines.append(f"| {known} | {cells} | {len(found)} |")
    return "\n".join(lines)


def main() -> None:
    """Run what the store does not have, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--known", type=int, nargs="+", default=[0, 50])
    parser.add_argument("--store", type=Path, required=True, help="a file of JSON lines, one a run")
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    options.store.touch()
    done = {(run["seed"], run["known"]) for run in map(json.loads, options.store.read_text().splitlines())}
    task = task_on(SPACE, 0, DATASET)
    for seed, known in product(range(options.seeds), options.known):
        if (seed, known) not in done:
            found = accuracies(task, seed, known)
            with options.store.open("a") as file:
                file.write(json.dumps({"seed": seed, "known": known, "accuracies": np.round(found, 4).tolist()}) + "\n")
    sys.stdout.write(table(options.store) + "\n")


if __name__ == "__main__":
    main()
