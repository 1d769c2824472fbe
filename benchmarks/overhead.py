"""What does a search cost beside its training? This system, its peers and the floor, at equal work, in one run.

    python -m benchmarks.overhead                                    # 40 trials of each, 1,000 of ours: 10 minutes
    python -m benchmarks.overhead --only ours floor --repetitions 3  # some of them, with their spread
    python -m benchmarks.overhead --only ours --many 0 --where       # where the time goes

Every contestant is a command in a process of its own; contestants take turns, so that a slow hour is everybody's.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.measuring.command import ROOT, Run, run
from benchmarks.measuring.contestants import CONTESTANTS
from benchmarks.measuring.printed import printed
from benchmarks.measuring.where import where
from search.planning.provenance import git_commit, hardware, versions

COLUMNS = (
    "",
    "trials",
    "whole command, s",
    "s a trial",
    "s a trial once warm",
    "best val_accuracy",
    "known, s a trial",
)


def main(words: Sequence[str] | None = None) -> None:
    """Measure and print a table."""
    options = parse(words)
    with printed(options.output) as say:
        say(heading(options.repetitions))
        runs = measure(options, say if options.where else None)
        say(table(runs))


def parse(words: Sequence[str] | None) -> argparse.Namespace:
    """Return the parsed options."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--only", nargs="+", choices=CONTESTANTS, default=list(CONTESTANTS), help="contestants, all by default"
    )
    parser.add_argument("--trials", type=int, default=40, help="of each contestant, 40 by default")
    parser.add_argument("--many", type=int, default=1000, help="also this many of ours and the floor; 0: none")
    parser.add_argument("--repetitions", type=int, default=1, help="rounds in which every contestant has its turn")
    parser.add_argument("--where", action="store_true", help="also say where the time of ours goes")
    parser.add_argument("--output", type=Path, help="a Markdown file for what is printed")
    return parser.parse_args(words)


Key = tuple[str, int]


def measure(options: argparse.Namespace, say: Callable[[str], None] | None) -> dict[Key, list[Run]]:
    """Return the runs by contestant and number of trials; `say` is told where ours spends its time."""
    turns = [(name, options.trials) for name in options.only]
    turns += [(name, options.many) for name in options.only if options.many and CONTESTANTS[name].many]
    runs: dict[Key, list[Run]] = {turn: [] for turn in turns}
    for _ in range(options.repetitions):
        for name, trials in turns:
            with tempfile.TemporaryDirectory(prefix="overhead-") as folder:
                one = run(CONTESTANTS[name], trials, Path(folder))
                print(f"{name}, {trials} trials: {one.seconds:.1f} s", file=sys.stderr)
                if say is not None and (Path(folder) / "ours").is_dir():
                    say(where(Path(folder) / "ours", one))
            runs[name, trials].append(one)
    return runs


def heading(repetitions: int) -> str:
    """Return date, commit and machine, without which a number is worth nothing."""
    machine, found, git = hardware(), versions(), git_commit(ROOT) or {}
    packages = ", ".join(f"{name} {found[name]}" for name in ("ray", "optuna", "keras", "keras-tuner", "tensorflow"))
    commit = f"{str(git.get('commit', 'no commit'))[:10]}{' with changes' if git.get('dirty') else ''}"
    return (
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, commit {commit}; {machine['cpus']} cores of {machine['processor']}, "
        f"{machine['memory_gib']} GiB; Python {found['python']}, {packages}. Load of the machine before: "
        f"{os.getloadavg()[0]:.1f}. Repetitions: {repetitions}.\n"
    )


def table(runs: dict[Key, list[Run]]) -> str:
    """Return a table of medians, with the range where there are several repetitions."""
    rows = [COLUMNS, tuple("---" for _ in COLUMNS)]
    for (name, trials), found in runs.items():
        contestant = CONTESTANTS[name]
        known = f"{contestant.known_s:.2f}" if contestant.known_s and trials == 40 else ""
        rows.append(
            (
                contestant.title,
                f"{trials:,}",
                spread([one.seconds for one in found], 1),
                spread([one.per_trial for one in found], 3),
                spread([one.warm for one in found], 3),
                spread([one.best for one in found], 3),
                known,
            )
        )
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def spread(values: Sequence[float], digits: int) -> str:
    """Return the median, with the least and the largest value where there are several."""
    middle = f"{statistics.median(values):.{digits}f}"
    return middle if len(values) == 1 else f"{middle} ({min(values):.{digits}f} to {max(values):.{digits}f})"


if __name__ == "__main__":
    main()
