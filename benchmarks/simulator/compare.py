"""What searches find in the epochs, or in the seconds, of 5, 10 and 20 whole trainings, in simulated time.

    python -m benchmarks.simulator.compare --families report --workers 4 --seeds 30 --store runs.jsonl
    python -m benchmarks.simulator.compare --store runs.jsonl --only-table

Each run is appended to the store as it ends, and is not run again. Regret x 100: 0 is the best value known, 100 the
median of random configurations; in hand is the report with the best value, judged without its noise.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import optuna

from benchmarks.simulator import costly, design, report
from benchmarks.simulator.clock import Make, Measure, simulate
from benchmarks.simulator.peers.installed import peers
from benchmarks.simulator.product import Product
from benchmarks.simulator.tables import nearest, trained
from benchmarks.simulator.variants.thaw import Thaw

BUDGETS = (5, 10, 20)
FAMILIES = {
    "design": design.FAMILIES,
    "report": report.FAMILIES,
    "costly-design": costly.DESIGN,
    "costly-report": costly.REPORT,
    "tables": nearest.FAMILIES,
    "trained": trained.FAMILIES,
}
Key = tuple[str, int, str, str]
"""Families, workers, what was equal, and search of a run."""


def searches() -> dict[str, Make]:
    """Return the makers of the product with its samplers, and of the peers that are installed, by name."""
    return {
        **{f"{sampler} + {rule}": _product(sampler, rule) for sampler in ("mfgp", "random", "tpe") for rule in RULES},
        "mfgp + asha, per second": lambda task, seed: Product(task, seed, "mfgp", "asha", per_second=True),
        "mfgp + asha, thawed": lambda task, seed: Thaw(task, seed, "asha"),
        "mfgp, freeze-thaw": Thaw,
        **peers(),
    }


RULES = ("asha", "none")


def _product(sampler: str, rule: str) -> Make:
    return lambda task, seed: Product(task, seed, sampler, rule)


@dataclass(frozen=True)
class Comparison:
    """Which searches are compared on which tasks."""

    families: str
    instances: int
    workers: int
    seeds: int
    searches: list[str]
    per: Measure = "epochs"
    """What is equal."""

    def run(self, store: Path) -> None:
        """Run what the store does not have, seed by seed, so that one that is broken off has compared all alike."""
        fields = ("families", "task", "workers", "search", "seed", "per")
        done = {tuple(run[field] for field in fields) for run in read(store)}
        made = searches()
        tasks = [family(i) for family in FAMILIES[self.families].values() for i in range(self.instances)]
        with store.open("a") as file:
            for seed, task, name in product(range(self.seeds), tasks, self.searches or made):
                key = (self.families, task.name, self.workers, name, seed, self.per)
                if key not in done:
                    found = simulate(task, made[name](task, seed), self.workers, BUDGETS, seed, per=self.per)
                    ends = {"started": found.started, "complete": found.complete}
                    line = dict(zip(fields, key, strict=True)) | {"regret": np.round(found.regret, 3).tolist()} | ends
                    file.write(json.dumps(line) + "\n")
                    file.flush()


def read(store: Path) -> Iterator[dict[str, object]]:
    """Yield the runs of the store."""
    if store.exists():
        for line in store.read_text().splitlines():
            yield {"per": "epochs", **json.loads(line)}


def table(store: Path) -> str:
    """Return the runs as Markdown, best interquartile mean first."""
    runs: dict[Key, dict[str, list[list[float]]]] = defaultdict(lambda: defaultdict(list))
    for found in read(store):
        key = str(found["families"]), int(str(found["workers"])), str(found["per"]), str(found["search"])
        runs[key][str(found["task"])].append(found["regret"])  # type: ignore[arg-type]  # three numbers
    budgets = " | ".join(f"@{budget}" for budget in BUDGETS)
    means = budgets.replace("@", "mean @")
    lines = [
        f"| families | workers | equal | search | {budgets} | {means} | worst task | runs |",
        "|---|---:|---|---|" + "---:|" * (2 * len(BUDGETS) + 2),
    ]
    rows = []
    for (families, workers, per, search), by_task in runs.items():
        regrets = np.array([regret for found in by_task.values() for regret in found])
        ordered, cut = np.sort(regrets, axis=0), len(regrets) // 4
        middle = ordered[cut : len(regrets) - cut].mean(axis=0)
        worst = max(float(np.mean([regret[-1] for regret in found])) for found in by_task.values())
        cells = [*middle, *regrets.mean(axis=0), worst]
        shown = " | ".join(f"{cell:.1f}" for cell in cells)
        row = f"| {families} | {workers} | {per} | {search} | {shown} | {len(regrets)} |"
        rows.append((families, workers, per, middle[-1], row))
    return "\n".join([*lines, *(row for *_, row in sorted(rows))])


def main() -> None:
    """Run the comparison and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--families", choices=FAMILIES, default="report")
    parser.add_argument("--instances", type=int, default=2, help="tasks of each family")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument(
        "--per", choices=("epochs", "seconds"), default="epochs", help="what is equal: epochs, or simulated seconds"
    )
    parser.add_argument("--seeds", type=int, default=30)
    parser.add_argument("--searches", nargs="+", default=[], help="names as the table has them (default: all)")
    parser.add_argument("--store", type=Path, required=True, help="a file of JSON lines, one a run")
    parser.add_argument("--only-table", action="store_true")
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    logging.disable(logging.WARNING)
    if not options.only_table:
        comparison = Comparison(
            options.families, options.instances, options.workers, options.seeds, options.searches, options.per
        )
        comparison.run(options.store)
    print(table(options.store))


if __name__ == "__main__":
    if "OPENBLAS_NUM_THREADS" not in os.environ:  # It must be set before numpy is loaded: threads are no gain here.
        os.execve(sys.executable, [sys.executable, "-m", "benchmarks.simulator.compare", *sys.argv[1:]],
                  {**os.environ, "OPENBLAS_NUM_THREADS": "1"})  # fmt: skip
    main()
