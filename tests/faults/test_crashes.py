"""Interrupts and crashes of real searches: nothing that was measured is lost, nothing is counted twice."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

import psutil
import pytest

from benchmarks.crashes import kill_again_and_again
from search.experiment.manifest import read_manifest
from search.experiment.schema import read_trials
from tests.support.crashes import Driver, check_whole, ended, study_states
from tests.support.processes import kill, named

pytestmark = pytest.mark.slow

TWO = ("--max-concurrent", "2")
"""Whatever the number of cores, so that times and attempts that are cut off can be counted."""
QUICK = (*TWO, "--set", "epochs=4", "--set", "sleep_s=0.02")


def test_a_search_starts_one_worker_for_each_slot_and_extends(tmp_path: Path) -> None:
    """And a larger number of trials extends it."""
    driver = Driver(tmp_path, *QUICK, "--trials", "30")
    assert driver.finish() == 0, driver.output
    assert len(set(read_trials(driver.root).table["worker"].to_pylist())) == 2
    before = read_trials(driver.root).table.to_pylist()
    again = Driver(tmp_path, *QUICK, "--trials", "40", "--resume")
    assert again.finish() == 0, again.output
    check_whole(driver.root, trials=40, epochs=4)
    assert read_trials(driver.root).table.to_pylist()[:30] == before
    assert [session["end"] for session in read_manifest(driver.root)["sessions"]] == ["finished", "finished"]


@pytest.mark.timeout(1200)  # Half a minute or so on a quiet machine.
def test_a_driver_that_is_killed_again_and_again_loses_nothing(tmp_path: Path) -> None:
    """kill -9 at random moments; those of this seed are of four kinds, and `benchmarks.crashes` goes on for hours."""
    counts = kill_again_and_again(tmp_path, kills=4, seed=319)
    assert counts == {"ending": 1, "merging": 1, "proposing": 1, "starting": 1}


def test_a_driver_that_is_killed_before_its_first_trial_can_be_started_again(tmp_path: Path) -> None:
    driver = Driver(tmp_path, *QUICK, "--trials", "4")
    driver.wait_for((driver.root / "manifest.json").exists)
    driver.kill()
    again = Driver(tmp_path, *QUICK, "--trials", "4", "--resume")
    assert again.finish() == 0, again.output
    check_whole(driver.root, trials=4, epochs=4, cut_off=2)


def test_ctrl_c_saves_and_says_how_to_go_on(tmp_path: Path) -> None:
    words = (*TWO, "--set", "epochs=8", "--set", "sleep_s=0.2", "--trials", "8")
    driver = Driver(tmp_path, *words)
    driver.wait_for_ended(2)
    processes = psutil.Process(driver.process.pid).children(recursive=True)
    driver.interrupt()
    assert driver.finish() == 130
    assert f"resume:  python -m search.run spaces/branin.py --results {tmp_path}" in driver.output
    assert "Traceback" not in driver.output
    assert study_states(driver.root)["RUNNING"] == 0
    assert list((driver.root / "checkpoints").glob("*/*/branin.json"))  # Running trials saved their last epoch.
    _, alive = psutil.wait_procs(processes, timeout=20)
    assert not alive
    again = Driver(tmp_path, *words, "--resume")
    assert again.finish() == 0, again.output
    check_whole(driver.root, trials=8, epochs=8, cut_off=2)


def test_a_killed_worker_costs_only_its_own_trial(tmp_path: Path) -> None:
    """A training process, then a whole Ray worker, killed in mid-trial."""
    driver = Driver(tmp_path, *TWO, "--set", "epochs=5", "--set", "sleep_s=0.1", "--trials", "24")
    driver.wait_for_ended(2)
    driver.training_processes()[0].kill()
    said = driver.wait_for_words("was killed by signal 9")
    worker = driver.training_processes()[0].ppid()
    assert "pandas" not in Path(f"/proc/{worker}/maps").read_text()  # So it has started without Tune, which brings it.
    assert psutil.Process(worker).nice() == psutil.Process().nice()  # Ray would give it one of the lowest priorities.
    os.kill(worker, signal.SIGKILL)
    assert driver.finish() == 0, said + driver.output
    check_whole(driver.root, trials=24, epochs=5)


def test_a_time_budget_ends_the_search_with_running_trials_saved(tmp_path: Path) -> None:
    words = (*TWO, "--set", "epochs=10", "--set", "sleep_s=0.2", "--trials", "6")
    driver = Driver(tmp_path, *words, "--time-budget", "5s")
    assert driver.finish() == 0, driver.output
    assert "resume: " in driver.output
    assert read_manifest(driver.root)["state"] == "interrupted"
    assert ended(driver.root) < 6
    again = Driver(tmp_path, *words, "--resume")
    assert again.finish() == 0, again.output
    check_whole(driver.root, trials=6, epochs=10, cut_off=2)


IMPATIENT = """
from search import run
from search.cluster import execution, watchdog

watchdog.STUCK_S = execution.STUCK_S = 10.0
run._leave(run.main())
"""
"""The command, with a third of the time after which a cluster that does not answer is lost."""


def test_a_lost_head_ends_the_search_in_one_line_and_a_resume_goes_on(tmp_path: Path) -> None:
    driver = Driver(tmp_path, *QUICK, "--trials", "200", program=("-c", IMPATIENT))
    driver.wait_for_ended(5)
    kill(named("gcs_server", psutil.Process(driver.process.pid).children(recursive=True)))
    assert driver.finish() == 1
    assert "has not answered for 10 s; what has ended is stored. Go on with --resume" in driver.output
    assert "Traceback" not in driver.output
    stored = ended(driver.root)
    again = Driver(tmp_path, *QUICK, "--trials", str(stored + 5), "--resume")
    assert again.finish() == 0, again.output
    # Two trials ran, and as many may have been proposed ahead.
    check_whole(driver.root, trials=stored + 5, epochs=4, cut_off=4)


def test_a_full_disk_ends_the_search_in_one_line_and_costs_no_stored_trial(tmp_path: Path) -> None:
    mount = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(tmp_path)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small file system cannot be mounted here: it takes root")
    words = (*TWO, "--set", "epochs=4", "--trials", "2000", "--sampler", "random")
    try:
        driver = Driver(tmp_path, *words)
        assert driver.finish() == 2
        assert "cannot be written" in driver.output.splitlines()[-1]
        assert "Traceback" not in driver.output
        stored = ended(driver.root)
        subprocess.run(["mount", "-o", "remount,size=3M", str(tmp_path)], check=True)
        again = Driver(tmp_path, *words[:4], "--sampler", "random", "--trials", str(stored + 10), "--resume")
        assert again.finish() == 0, again.output
        check_whole(driver.root, trials=stored + 10, epochs=4, cut_off=4)
    finally:
        subprocess.run(["umount", "-l", str(tmp_path)], check=True)


def test_a_results_folder_that_is_removed_ends_the_search_in_one_line(tmp_path: Path) -> None:
    driver = Driver(tmp_path, *QUICK, "--trials", "2000")
    driver.wait_for_ended(3)
    shutil.rmtree(driver.root, ignore_errors=True)
    assert driver.finish() == 2, driver.output
    assert "was removed while the search wrote to it" in driver.output.splitlines()[-1]
    assert "Traceback" not in driver.output
