"""What does the driver alone cost a trial? Branin, a trainable that does nothing, with the interpreter's profiler.

    python -m benchmarks.profile_driver                             # 1,000 trials, random and TPE
    python -m benchmarks.profile_driver --trials 200 --functions 20

Milliseconds a trial by package, and the functions that take the most by themselves, of the driver's core or, with
`--clock wall`, of the clock, which shows what waits for the disk. The profiler doubles the time of Python code: compare
the shares, and take the total from the run without it. The start of the search is in the profile: run many trials.
"""

from __future__ import annotations

import argparse
import cProfile
import io
import pstats
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from pathlib import Path

from benchmarks.measuring.command import ROOT
from search.run import main as search

PARTS = (
    "search/experiment",
    "search/sampling",
    "search/cluster",
    "search/driver",
    "search",
    "optuna",
    "ray/tune",
    "ray",
    "pyarrow",
)
"""Parts of paths; a file is counted with the first part that its path holds."""
CLOCKS: dict[str, Callable[[], float]] = {"core": time.thread_time, "wall": time.perf_counter}


def main(words: Sequence[str] | None = None) -> None:
    """Run the searches and print what they cost."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--samplers", nargs="+", default=["random", "tpe"])
    parser.add_argument("--clock", choices=CLOCKS, default="core", help="what the profile counts")
    parser.add_argument("--functions", type=int, default=12, help="how many functions to list")
    options = parser.parse_args(words)
    for sampler in options.samplers:
        wall, cores = timed(options.trials, sampler)
        print(f"\n{sampler}: {wall:.2f} ms a trial, {cores:.2f} ms of the driver's core")
        stats = profiled(options.trials, sampler, CLOCKS[options.clock])
        for line in (*by_part(stats, options.trials), *heaviest(stats, options.trials, options.functions)):
            print(line)


def timed(trials: int, sampler: str) -> tuple[float, float]:
    """Return milliseconds a trial, of the clock and of the driver's cores, without the start of the search."""
    few = max(1, trials // 10)
    clocks = []
    for count in (few, trials):
        began = time.perf_counter(), time.process_time()
        run(count, sampler)
        clocks.append((time.perf_counter() - began[0], time.process_time() - began[1]))
    wall, cores = (1000 * (clocks[1][i] - clocks[0][i]) / (trials - few) for i in range(2))
    return wall, cores


def run(trials: int, sampler: str) -> None:
    """Run one search without output."""
    with tempfile.TemporaryDirectory(prefix="profile-") as folder:
        words = [str(ROOT / "spaces/branin.py"), "--trials", str(trials), "--sampler", sampler, "--quiet"]
        with redirect_stdout(io.StringIO()):
            code = search([*words, "--results", folder])
        if code:
            raise SystemExit("the search failed")


def profiled(trials: int, sampler: str, clock: Callable[[], float]) -> pstats.Stats:
    """Return the profile of the driver's main thread."""
    profile = cProfile.Profile(clock)
    profile.runcall(run, trials, sampler)
    return pstats.Stats(profile)


Entry = tuple[float, int, str]
"""Seconds spent in a function itself, number of calls, and its place."""


def entries(stats: pstats.Stats) -> list[Entry]:
    """Return all functions but those that wait, the heaviest first."""
    found = [
        (own, calls, f"{file}:{line} {name}")
        for (file, line, name), (_, calls, own, _, _) in stats.stats.items()  # type: ignore[attr-defined]  # documented, not typed
    ]
    return sorted((entry for entry in found if "select.poll" not in entry[2]), reverse=True)


def by_part(stats: pstats.Stats, trials: int) -> list[str]:
    """Return milliseconds a trial by package."""
    parts: dict[str, float] = defaultdict(float)
    for own, _, place in entries(stats):
        parts[next((part for part in PARTS if f"/{part}" in place), "Python and the rest")] += 1000 * own / trials
    return [
        f"  {milliseconds:6.2f} ms  {part}" for part, milliseconds in sorted(parts.items(), key=lambda part: -part[1])
    ]


def heaviest(stats: pstats.Stats, trials: int, count: int) -> list[str]:
    """Return the functions that take the most by themselves."""
    return [
        f"  {1000 * own / trials:6.2f} ms in {calls / trials:7.1f} calls  {place.replace(str(Path.home()), '~')[-90:]}"
        for own, calls, place in entries(stats)[:count]
    ]


if __name__ == "__main__":
    main()
