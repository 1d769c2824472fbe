"""What does the search itself cost, by trials, slots and nodes? Trials that do nothing or only sleep.

    python -m benchmarks.scale --recorded                        # the cells of docs: a quarter of an hour on two cores
    python -m benchmarks.scale --trials 100 1000 --slots 2 8 --sleep 0 0.1      # every combination of these
    python -m benchmarks.scale --trials 1000 --kinds tune tune-optuna           # the peers

Each cell is a command in processes of its own; slots and nodes beyond this machine's cores are logical: Ray is told
that they are there. Cells that would take more than ten minutes are left out, and named.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path

from benchmarks.measuring.printed import printed
from benchmarks.measuring.scale_cell import Cell, Measured, measure
from benchmarks.overhead import heading

RECORDED = (
    *(Cell(trials) for trials in (100, 1000, 10_000)),
    Cell(1000, kind="tune"),
    Cell(1000, kind="tune-optuna"),
    Cell(1000, sampler="tpe"),
    Cell(10_000, sampler="tpe"),
    Cell(1000, kind="pruned"),
    Cell(1000, kind="failing"),
    Cell(1000, kind="resumed"),
    *(Cell(1000, slots, sampler=sampler, sleep_s=0.1) for slots in (2, 8) for sampler in ("random", "tpe")),
    Cell(160, slots=16, sleep_s=1),
    Cell(160, slots=16, nodes=4, sleep_s=1),
    Cell(160, slots=16, nodes=16, sleep_s=1),
    Cell(128, slots=64, sleep_s=10),
)
LONGEST_S = 600.0
GUESS_MS = 20.0
"""Milliseconds of a trial that does nothing, guessed only for the choice of cells."""
KINDS = ("plain", "pruned", "failing", "resumed", "tune", "tune-optuna")

COLUMNS: tuple[tuple[str, Callable[[Cell, Measured], str]], ...] = (
    ("", lambda cell, _: _title(cell)),
    ("trials", lambda _, found: f"{found.trials:,}"),
    ("slots", lambda cell, _: str(cell.slots)),
    ("nodes", lambda cell, _: str(cell.nodes)),
    ("sleep, s", lambda cell, _: f"{cell.sleep_s:g}"),
    ("command, s", lambda _, found: f"{found.seconds:.1f}"),
    ("to the first trial, s", lambda _, found: f"{found.first_s:.1f}"),
    ("ms a trial", lambda _, found: f"{found.per_trial_ms:.1f}"),
    ("driver, MiB", lambda _, found: f"{found.memory_mib:.0f}"),
    ("processes", lambda _, found: str(found.workers)),
    ("busy", lambda _, found: "" if found.busy is None else f"{100 * found.busy:.1f} %"),
    ("ended", lambda _, found: found.ends),
)


def main(words: Sequence[str] | None = None) -> None:
    """Measure and print a table, row by row."""
    options = parse(words)
    with printed(options.output) as say:
        say(heading(1))
        for row in ([name for name, _ in COLUMNS], ["---" for _ in COLUMNS]):
            say(f"| {' | '.join(row)} |")
        for cell in RECORDED if options.recorded else cells(options):
            found = measure(cell)
            say(f"| {' | '.join(show(cell, found) for _, show in COLUMNS)} |")


def parse(words: Sequence[str] | None) -> argparse.Namespace:
    """Return the parsed options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recorded", action="store_true", help="the cells whose figures are recorded in docs")
    parser.add_argument("--trials", type=int, nargs="+", default=[100])
    parser.add_argument("--slots", type=int, nargs="+", default=[2])
    parser.add_argument("--nodes", type=int, nargs="+", default=[1])
    parser.add_argument("--sleep", type=float, nargs="+", default=[0.0], help="seconds of a trial")
    parser.add_argument("--samplers", nargs="+", default=["random"])
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=["plain"])
    parser.add_argument("--output", type=Path, help="a Markdown file for what is printed")
    return parser.parse_args(words)


def cells(options: argparse.Namespace) -> list[Cell]:
    """Return every combination of the options that makes sense and can be measured within ten minutes."""
    axes = (options.trials, options.slots, options.nodes, options.sleep, options.samplers, options.kinds)
    chosen = []
    for trials, slots, nodes, sleep_s, sampler, kind in product(*axes):
        cell = Cell(trials, slots, nodes, sleep_s, sampler, kind)
        if nodes > slots or (cell.is_peer and (nodes > 1 or sleep_s)):
            continue
        seconds = trials * (sleep_s / slots + GUESS_MS / 1000)
        if seconds > LONGEST_S or (trials >= 10_000 and sleep_s):
            print(f"left out: {cell} would take {seconds / 60:.0f} minutes", file=sys.stderr)
            continue
        chosen.append(cell)
    return chosen


def _title(cell: Cell) -> str:
    peers = {"tune": "Tune alone", "tune-optuna": "Tune with OptunaSearch"}
    return peers.get(cell.kind) or f"{cell.sampler}{'' if cell.kind == 'plain' else f', {cell.kind}'}"


if __name__ == "__main__":
    main()
