"""What does a search lose whose driver is killed again and again? Nothing, or this ends with an error.

    python -m benchmarks.crashes                  # 1,000 kills of one search: an hour and a half on two quiet cores
    python -m benchmarks.crashes --searches 2     # 500 kills of each of two searches, side by side: an hour
    python -m benchmarks.crashes --minutes 30     # as many as there is time for

A search of a trainable that takes no time; each driver is killed (SIGKILL, its Ray with it) at a moment drawn at
random from its whole life, and the same command with --resume and a few more trials goes on. After each kill every
row that was stored before must stand as it was; in the end each trial is complete once, with all its epochs, and the
study counts the same.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from benchmarks.overhead import heading
from search.experiment.schema import read_trials
from tests.support.crashes import Driver, check_whole, ended

EPOCHS = 2
SLOTS = 2
MORE = (2, 40)
"""Least and largest number of trials that each driver is to add."""
POLL_S = 0.002
"""Time in seconds between two looks at a driver."""

Rows = dict[str, dict[str, Any]]


class Life:
    """One driver from its start on, and the moments of its life at which it can be killed."""

    def __init__(self, driver: Driver, before: Rows, trials: int, rng: random.Random) -> None:
        self._driver, self._before, self._trials, self._rng = driver, len(before), trials, rng
        self._journal = driver.root / "study.journal"
        self._size = self._journal.stat().st_size if self._journal.exists() else 0
        self._seen: list[Path] = []
        self._stored = 0

    def live_until(self, moment: str) -> bool:
        """Wait for a moment by its name in `MOMENTS`; return False if the driver has ended before."""
        return MOMENTS[moment](self)

    def _wait(self, holds: Callable[[], bool]) -> bool:
        while not holds():
            if self._driver.process.poll() is not None:
                return False
            time.sleep(POLL_S)
        return True

    def _go_on(self, most_s: float) -> bool:
        end = time.monotonic() + self._rng.uniform(0, most_s)
        return self._wait(lambda: time.monotonic() > end)

    def starting(self) -> bool:
        """Wait for a moment of imports, the folder's lock, what a resume reads and tells, or the start of Ray."""
        return self._go_on(3.0)

    def proposing(self) -> bool:
        """Wait until the journal grows for the first time."""
        return self._wait(lambda: self._journal.exists() and self._journal.stat().st_size > self._size) and (
            self._go_on(0.02)
        )

    def running(self) -> bool:
        """Wait until trials have ended while others run: there are proposals, reports, and ends that are told."""
        return self._wait(self._has_stored) and self._go_on(0.5)

    def storing(self) -> bool:
        """Wait until a part of a table is being written."""
        return self._wait(lambda: self._is_writing("*-0.parquet"))

    def merging(self) -> bool:
        """Wait until parts are being merged, or the driver is through with its trials."""
        return self._wait(lambda: self._is_writing("*-[1-9].parquet") or self._is_through())

    def ending(self) -> bool:
        """Wait until all trials are stored: the tables become one file each, and the manifest says so."""
        return self._wait(self._is_through) and self._go_on(1.0)

    def _parts(self, pattern: str) -> list[Path]:
        return [path for table in ("trials", "epochs") for path in (self._driver.root / table).glob(pattern)]

    def _is_writing(self, pattern: str) -> bool:
        return bool(self._parts(f".tmp-{pattern}"))

    def _has_stored(self) -> bool:
        return self._count() > self._before

    def _is_through(self) -> bool:
        return self._count() >= self._trials

    def _count(self) -> int:
        """Return the number of trials with a final row; the tables are read only when there is a new part."""
        parts = self._parts("part-*.parquet")
        if parts != self._seen:
            self._seen, self._stored = parts, ended(self._driver.root)
        return self._stored


MOMENTS = {
    "starting": Life.starting,
    "proposing": Life.proposing,
    "running": Life.running,
    "storing": Life.storing,
    "merging": Life.merging,
    "ending": Life.ending,
}

LONGEST = 3
"""How many times as often as at other moments a driver is killed while it starts: that takes most of a short life."""


def finished(root: Path) -> Rows:
    """Return the final row of each trial that has ended, by trial id."""
    return {row["trial_id"]: row for row in read_trials(root).table.to_pylist() if row["state"] != "running"}


def kill_again_and_again(
    results: Path, kills: int, seed: int = 0, seconds: float = float("inf"), say: Callable[[str], None] = print
) -> Counter[str]:
    """Kill the drivers of one search until `kills` were killed or the time is over; return how often at which moment.

    Raises AssertionError when a stored trial is lost, changed or doubled, or when study and table differ in the end.
    """
    rng, counts = random.Random(seed), Counter[str]()
    began, before, trials = time.monotonic(), Rows(), 0
    words = ("--set", f"epochs={EPOCHS}", "--sampler", "random", "--max-concurrent", str(SLOTS))

    def start(scratch: str) -> Driver:
        going_on = ("--resume",) if (results / "branin" / "manifest.json").exists() else ()
        return Driver(results, *words, "--trials", str(trials), *going_on, RAY_TMPDIR=scratch, TMPDIR=scratch)

    while counts.total() < kills and time.monotonic() - began < seconds:
        trials = max(trials, len(before) + rng.randint(*MORE))
        with tempfile.TemporaryDirectory(prefix="cr-", ignore_cleanup_errors=True) as scratch:
            (moment,) = rng.choices(list(MOMENTS), [LONGEST if name == "starting" else 1 for name in MOMENTS])
            driver = start(scratch)
            if Life(driver, before, trials, rng).live_until(moment):
                driver.kill(grace_s=0.0)
                counts[moment] += 1
            else:
                assert driver.finish() == 0, driver.output
        after = finished(driver.root)
        assert {trial_id: after.get(trial_id) for trial_id in before} == before
        before = after
        if counts.total() % 20 == 0:
            say(f"{counts.total()} kills, {len(before)} trials, {time.monotonic() - began:.0f} s")
    with tempfile.TemporaryDirectory(prefix="cr-", ignore_cleanup_errors=True) as scratch:
        driver = start(scratch)
        assert driver.finish() == 0, driver.output
    after = finished(driver.root)
    assert {trial_id: after.get(trial_id) for trial_id in before} == before
    check_whole(driver.root, trials, EPOCHS, cut_off=SLOTS * counts.total())
    return counts


def main(words: Sequence[str] | None = None) -> None:
    """Kill drivers, check what they leave, and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="no new driver after this time")
    parser.add_argument("--searches", type=int, default=1, help="searches side by side, which share the kills")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(words)
    began = time.monotonic()
    print(heading(1), flush=True)
    share = -(-options.kills // options.searches)
    with ProcessPoolExecutor(options.searches) as pool:
        seeds = range(options.seed, options.seed + options.searches)
        for line in pool.map(_one_search, [share] * len(seeds), seeds, [60 * options.minutes] * len(seeds)):
            print(line, flush=True)
    print(f"{(time.monotonic() - began) / 60:.0f} minutes")


def _one_search(kills: int, seed: int, seconds: float) -> str:
    def say(line: str) -> None:
        print(f"seed {seed}: {line}", flush=True)

    with tempfile.TemporaryDirectory(prefix="crashes-") as folder:
        counts = kill_again_and_again(Path(folder), kills, seed, seconds, say)
        rows = finished(Path(folder) / "branin")
    moments = ", ".join(f"{counts[moment]} {moment}" for moment in MOMENTS)
    return f"{counts.total()} kills ({moments}): {len(rows)} trials, each complete once, study and tables agree."


if __name__ == "__main__":
    main()
