"""What do this system and its peers find with real training in the same wall clock on two cores?

    python -m benchmarks.real --store real.jsonl
    python -m benchmarks.real --store real.jsonl --only-table --figure docs/figures/real_comparison.png

By turns over the systems, then the problems, then the seeds; every run is appended to the store as it ends, and is not
run again. Let nothing else run. MNIST is read from SEARCH_DATA_DIR.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import product
from pathlib import Path

from benchmarks.real.figure import draw
from benchmarks.real.problem import PROBLEMS
from benchmarks.real.results import Run, append, read, table
from benchmarks.real.systems import SYSTEMS
from benchmarks.real.timed import SearchEndedEarly, on_two_cores, timed


def main(words: Sequence[str] | None = None) -> None:
    """Run what the store lacks, and print the table."""
    options = _parser().parse_args(words)
    failed = 0
    if not options.only_table:
        on_two_cores()
        failed = _run(options)
    runs = read(options.store)
    if not runs:
        raise SystemExit(f"no runs in {options.store}; expected the store of an earlier command.")
    print(table(runs))
    if options.figure:
        draw(runs, options.figure)
    if failed:
        raise SystemExit(f"{failed} of the searches failed; the same command tries them again.")


def _run(options: argparse.Namespace) -> int:
    """Run what is missing, and return how many searches have failed; the others go on."""
    failed = 0
    done = {(run.problem, run.system, run.seed) for run in read(options.store)}
    for seed, problem, name in product(range(options.seeds), options.problems, options.systems):
        if (problem, name, seed) in done:
            continue
        seconds = options.seconds or PROBLEMS[problem].seconds
        try:
            run = Run(problem, name, seed, seconds, **timed(SYSTEMS[name], problem, seed, seconds))
        except SearchEndedEarly as error:
            failed += 1
            print(f"{problem}, seed {seed}, {name}: {error}", flush=True)
            continue
        append(options.store, run)
        print(f"{problem}, seed {seed}, {name}: {run.curve[-1][1]:.4f} after {run.epochs} epochs", flush=True)
    return failed


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, required=True, help="a file of JSON lines, one a run")
    parser.add_argument("--problems", nargs="+", choices=PROBLEMS, default=list(PROBLEMS))
    parser.add_argument("--systems", nargs="+", choices=SYSTEMS, default=list(SYSTEMS))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--seconds", type=float, help="wall clock of a run (default: 35 for digits, 45 for mnist)")
    parser.add_argument("--only-table", action="store_true", help="run nothing")
    parser.add_argument("--figure", type=Path, help="a picture to be written")
    return parser


if __name__ == "__main__":
    main()
