"""Makes a table of real learning curves by a random search in which nothing is stopped.

    python -m benchmarks.simulator.tables.make digits --seed 0 --trials 1000 --results results

Proposals are random, so a search of any length is a whole table: one that is broken off goes on by the same command,
and `--as-it-is` stores what it has. The seed is that of the proposals, the splits and the trainings.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from benchmarks.simulator.tables.nearest import SPACES, path_of
from benchmarks.simulator.tables.stored import curves_of, write

ROOT = Path(__file__).parents[3]


def main() -> None:
    """Search, and store the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("space", choices=SPACES)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--max-concurrent", type=int, default=2)
    parser.add_argument("--results", type=Path, required=True, help="folder of the search")
    parser.add_argument("--as-it-is", action="store_true", help="search no further")
    options = parser.parse_args()
    experiment = options.results / f"table_{options.space}_{options.seed}"
    if not options.as_it_is:
        _search(options, experiment)
    curves, path = curves_of(experiment, SPACES[options.space]), path_of(options.space, options.seed)
    write(path, curves, SPACES[options.space])
    print(f"{len(curves.configs)} configurations of {curves.values.shape[1]} epochs in {path}, {path.stat().st_size} B")


def _search(options: argparse.Namespace, experiment: Path) -> None:
    words = ["--seed", str(options.seed), "--trials", str(options.trials), "--results", str(options.results)]
    words += ["--name", experiment.name, "--max-concurrent", str(options.max_concurrent)]
    words += ["--resume"] if experiment.exists() else []
    space = f"benchmarks/spaces/table_{options.space}.py"
    if subprocess.run([sys.executable, "-m", "search.run", space, *words], cwd=ROOT, check=False).returncode:
        raise SystemExit(f"the search did not end well; what it has is in {experiment}.")


if __name__ == "__main__":
    main()
