"""Files that a disk has damaged, and a trainable that leaks: the search goes on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from search.experiment.schema import read_trials
from tests.support.crashes import ROOT, Driver, check_whole, ended

pytestmark = pytest.mark.slow

QUICK = ("--set", "epochs=2", "--sampler", "random", "--max-concurrent", "2")


def tear(path: Path) -> None:
    """Take the second half of a file away."""
    os.truncate(path, path.stat().st_size // 2)


def test_a_torn_part_and_a_torn_line_of_the_journal_cost_no_trial(tmp_path: Path) -> None:
    """The trials whose rows are gone are run again; parts are merged past the torn one."""
    driver = Driver(tmp_path, *QUICK, "--trials", "1000")
    driver.wait_for_ended(20)
    driver.kill()
    stored = ended(driver.root)
    torn = max((driver.root / "trials").glob("part-*.parquet"))
    tear(torn)
    journal = driver.root / "study.journal"
    os.truncate(journal, journal.stat().st_size - 5)
    assert ended(driver.root) <= stored
    trials = stored + 60
    again = Driver(tmp_path, *QUICK, "--trials", str(trials), "--resume")
    assert again.finish() == 0, again.output
    assert f"trials/{torn.name} cannot be read" in again.output
    check_whole(driver.root, trials, epochs=2, cut_off=20)


LEAKING = """
from search.space import Float, Space

kept = []

def train(config, trial):
    kept.append(bytearray(64 << 20))
    yield {"value": config["x"]}

space = Space(train, {"x": Float(0, 1)}, metric="value", sampler="random", stopping="none", trials=16)
"""
BOUNDED = """
import sys
from functools import partial
from search.run import main
from search.driver import search

search.SearchContext = partial(search.SearchContext, recycle_bytes=160 << 20)
sys.exit(main())
"""
"""The command, with a lower bound of a training process's growth than its 2 GiB."""


def test_a_trainable_that_leaks_has_its_process_replaced(tmp_path: Path) -> None:
    leaking = tmp_path / "leaking.py"
    leaking.write_text(LEAKING, encoding="utf-8")
    words = [str(leaking), "--results", str(tmp_path), "--max-concurrent", "1"]
    done = subprocess.run(
        [sys.executable, "-c", BOUNDED, *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    check_whole(tmp_path / "leaking", trials=16, epochs=1)
    replaced = done.stdout.count("recycled worker")
    assert 3 <= replaced <= 8
    assert len(set(read_trials(tmp_path / "leaking").table["worker"].to_pylist())) in (replaced, replaced + 1)
