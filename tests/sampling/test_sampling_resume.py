"""Sampling after a crash: nothing is lost, nothing is counted twice, nothing stays running."""

import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import optuna
import pyarrow as pa
import pytest
from optuna.trial import TrialState

from search.experiment.schema import CONFIG_PREFIX, config_value, trial_schema
from search.sampling import Finished, Proposal, Sampling
from search.sampling.translation import translate
from search.space import Choice, Float, Int, Space, fingerprint
from tests.support.full_disk import no_file_longer_than
from tests.support.resumed_sampling import SPACE, read_table, row, sampling_in, train


def trials_in(folder: Path) -> list[optuna.trial.FrozenTrial]:
    backend = optuna.storages.journal.JournalFileBackend(str(folder / "study.journal"))
    return optuna.load_study(study_name=None, storage=optuna.storages.JournalStorage(backend)).trials


def ask(sampling: Sampling, count: int) -> list[Proposal]:
    proposals = [sampling.ask() for _ in range(count)]
    return [proposal for proposal in proposals if proposal]


def ended(proposal: Proposal) -> Finished:
    return Finished("complete", 0.5, row(proposal.config), {1: 0.4, 2: 0.5})


def test_trial_cut_off_keeps_its_number_and_costs_one_fail(tmp_path: Path) -> None:
    before = ask(sampling_in(tmp_path), 3)
    for attempt in (1, 2):
        sampling = sampling_in(tmp_path)
        sampling.resume({before[1].trial_id: ended(before[1])})
        assert ask(sampling, 2) == [before[0], before[2]]
        states = Counter((trial.user_attrs["trial_id"], trial.state) for trial in trials_in(tmp_path))
        assert states[(before[0].trial_id, TrialState.FAIL)] == attempt
    new = sampling.ask()
    assert new
    assert new.number == 3


def test_resume_without_a_new_attempt_adds_nothing(tmp_path: Path) -> None:
    ask(sampling_in(tmp_path), 2)
    sampling_in(tmp_path).resume({})
    sampling_in(tmp_path).resume({})
    assert [trial.state for trial in trials_in(tmp_path)] == [TrialState.FAIL, TrialState.FAIL]


@pytest.mark.parametrize(
    ("end", "state", "value"),
    [
        (Finished("complete", 0.7, {}, {1: 0.7, 2: 0.6}), TrialState.COMPLETE, 0.7),
        (Finished("pruned", 0.7, {}, {1: 0.7, 2: 0.6}), TrialState.PRUNED, 0.6),
        (Finished("failed", None, {}, {1: 0.7}), TrialState.FAIL, None),
    ],
)
def test_trial_with_a_row_that_was_not_told_is_told(
    tmp_path: Path, end: Finished, state: TrialState, value: float | None
) -> None:
    sampling = sampling_in(tmp_path)
    (proposal,) = ask(sampling, 1)
    sampling.report(proposal.trial_id, 1, 0.7)
    resumed = sampling_in(tmp_path)
    resumed.resume({proposal.trial_id: end})
    (trial,) = trials_in(tmp_path)
    assert (trial.state, trial.value, trial.intermediate_values) == (state, value, end.reports)
    next_one = resumed.ask()
    assert next_one
    assert next_one.number == 1


def test_failed_trial_without_its_row_is_run_again(tmp_path: Path) -> None:
    sampling = sampling_in(tmp_path)
    (proposal,) = ask(sampling, 1)
    sampling.tell(proposal.trial_id, "failed", None)
    resumed = sampling_in(tmp_path)
    resumed.resume({})
    assert resumed.ask() == proposal


def test_trial_whose_row_was_lost_is_run_again_and_counts_once(tmp_path: Path) -> None:
    sampling = sampling_in(tmp_path)
    (proposal,) = ask(sampling, 1)
    sampling.report(proposal.trial_id, 1, 0.7)
    sampling.tell(proposal.trial_id, "complete", 0.7)
    for _ in range(2):
        resumed = sampling_in(tmp_path)
        resumed.resume({})
        assert resumed.ask() == proposal
    resumed.tell(proposal.trial_id, "complete", 0.7)
    assert resumed.counts() == {"complete": 1, "fail": 2}
    sampling_in(tmp_path).resume({proposal.trial_id: ended(proposal)})
    assert sampling_in(tmp_path).counts() == {"complete": 1, "fail": 2}


def test_requeued_trial_is_proposed_next_and_told_fail_once(tmp_path: Path) -> None:
    sampling = sampling_in(tmp_path)
    first, _ = ask(sampling, 2)
    sampling.requeue(first.trial_id)
    assert sampling.ask() == first
    sampling.report(first.trial_id, 1, 0.5)
    sampling.tell(first.trial_id, "complete", 0.5)
    assert sampling.counts() == {"fail": 1, "complete": 1, "running": 1}


def test_study_is_rebuilt_from_the_table_when_the_journal_is_lost(tmp_path: Path) -> None:
    sampling = sampling_in(tmp_path)
    proposals = ask(sampling, 12)
    (tmp_path / "study.journal").unlink()
    rebuilt = sampling_in(tmp_path)
    rows = {p.trial_id: ended(p) for p in proposals[:10]}
    rebuilt.resume(rows, running={p.trial_id: row(p.config) for p in proposals[10:]})
    trials = trials_in(tmp_path)
    assert [trial.user_attrs["trial_id"] for trial in trials] == list(rows)
    assert {trial.state for trial in trials} == {TrialState.COMPLETE}
    assert trials[0].intermediate_values == {1: 0.4, 2: 0.5}
    assert ask(rebuilt, 2) == proposals[10:]
    assert fingerprint(ask(rebuilt, 1)[0].config) not in {fingerprint(p.config) for p in proposals}


def test_every_configuration_comes_back_from_the_table_as_it_was() -> None:
    space = Space(
        trainable=train,
        parameters={
            "network": Choice("two_conv", "vgg16", None),
            "depth": Int(0, 2, when={"network": "vgg16"}),
            "rate": Float(0, 0.3, step=0.1, when={"network": ("vgg16", None)}),
            "mixed": Choice(1, True, "1", "None", None, (3, 3)),
            "number": Choice(1, 2.5, None, when={"network": "two_conv"}),
        },
        metric="value",
    )
    configs = list(space.grid())
    names = [name for name in trial_schema(space).names if name.startswith(CONFIG_PREFIX)]
    rows = [{CONFIG_PREFIX + n: config_value(space, n, value) for n, value in config.items()} for config in configs]
    schema = pa.schema([trial_schema(space).field(name) for name in names])
    table = pa.Table.from_pylist(rows, schema=schema).to_pylist()
    read = [translate(space).read({k.removeprefix(CONFIG_PREFIX): v for k, v in stored.items()}) for stored in table]
    assert list(map(fingerprint, read)) == list(map(fingerprint, configs))
    inactive = [stored for config, stored in zip(configs, table, strict=True) if "number" not in config]
    assert {stored["config.number"] for stored in inactive} == {None}


def test_whole_numbers_that_a_table_made_real_are_whole_again() -> None:
    stored = {"network": "vgg16", "rate": float("nan"), "depth": 3.0, "mixed": "(3, 3)", "accuracy": 0.5}
    config = translate(SPACE).read(stored)
    assert fingerprint(config) == fingerprint({"network": "vgg16", "depth": 3, "mixed": (3, 3)})


def test_journal_torn_at_any_byte_of_its_end_is_resumed(tmp_path: Path) -> None:
    sampling = sampling_in(tmp_path)
    first, second = ask(sampling, 2)
    sampling.report(first.trial_id, 1, 0.5)
    sampling.tell(first.trial_id, "complete", 0.5)
    journal = tmp_path / "study.journal"
    whole = journal.read_bytes()
    for length in range(0, len(whole), 7):
        journal.write_bytes(whole[:length])
        resumed = sampling_in(tmp_path)
        resumed.resume({first.trial_id: ended(first)}, running={second.trial_id: row(second.config)})
        assert resumed.ask() == second, f"torn after {length} of {len(whole)} bytes"
        complete = [trial for trial in trials_in(tmp_path) if trial.state == TrialState.COMPLETE]
        assert [trial.user_attrs["trial_id"] for trial in complete] == [first.trial_id]
        assert complete[0].intermediate_values[1] in (0.4, 0.5)


def test_journal_damaged_in_its_middle_is_kept_aside_and_the_rest_comes_from_the_table(tmp_path: Path) -> None:
    proposals = ask(sampling_in(tmp_path), 5)
    journal = tmp_path / "study.journal"
    lines = journal.read_bytes().splitlines(keepends=True)
    damaged = b"".join([*lines[:3], b"\0" * 40 + b"\n", *lines[4:]])
    journal.write_bytes(damaged)
    resumed = sampling_in(tmp_path)
    rows = {proposal.trial_id: ended(proposal) for proposal in proposals[:4]}
    resumed.resume(rows, running={proposals[4].trial_id: row(proposals[4].config)})
    assert (tmp_path / "study.journal.damaged").read_bytes() == damaged
    assert {trial.user_attrs["trial_id"] for trial in trials_in(tmp_path)} == set(rows)
    assert resumed.ask() == proposals[4]


def test_a_disk_that_takes_a_part_of_a_line_is_an_error_and_leaves_whole_lines(tmp_path: Path) -> None:
    """As a full disk does: the system writes what there is space for and says how much that was."""
    sampling = sampling_in(tmp_path)
    (first,) = ask(sampling, 1)
    journal = tmp_path / "study.journal"
    before = journal.read_bytes()
    with no_file_longer_than(len(before) + 40), pytest.raises(OSError, match="File too large"):
        sampling.ask()
    assert journal.read_bytes() == before
    resumed = sampling_in(tmp_path)
    resumed.resume({}, running={first.trial_id: row(first.config)})
    assert [proposal.trial_id for proposal in ask(resumed, 2)] == ["00000", "00001"]


@pytest.mark.timeout(20)  # Optuna's own journal file waits 30 s for the link to go away.
def test_link_of_a_killed_writer_does_not_hold_up_the_next(tmp_path: Path) -> None:
    (tmp_path / "study.journal.lock").symlink_to(tmp_path / "study.journal")
    assert len(ask(sampling_in(tmp_path), 1)) == 1


DRIVER = """
import json, os, sys
from pathlib import Path
from tests.support.full_disk import no_file_longer_than
from tests.support.resumed_sampling import sampling_in, read_table, row
folder = Path(sys.argv[1])
sampling = sampling_in(folder)
sampling.resume(read_table(folder))
live = []
with (folder / "table").open("a") as table:
    print("ready", flush=True)
    while True:
        while len(live) < 3:
            live.append(sampling.ask())
        proposal = live.pop(0)
        for epoch in (1, 2):
            sampling.report(proposal.trial_id, epoch, proposal.number / 1000)
        state = ("complete", "pruned", "failed")[proposal.number % 3]
        table.write(json.dumps([proposal.trial_id, state, proposal.number / 1000, row(proposal.config)]) + "\\n")
        table.flush()
        sampling.tell(proposal.trial_id, state, proposal.number / 1000)
"""


def lines_of(folder: Path) -> list[str]:
    path = folder / "table"
    return path.read_text().splitlines() if path.exists() else []


@pytest.mark.slow
def test_driver_killed_again_and_again_loses_and_doubles_nothing(tmp_path: Path) -> None:
    rng, kills = random.Random(0), 8
    for _ in range(kills):
        driver = subprocess.Popen([sys.executable, "-c", DRIVER, str(tmp_path)], stdout=subprocess.PIPE)
        assert driver.stdout
        assert driver.stdout.readline() == b"ready\n"
        wanted = len(lines_of(tmp_path)) + rng.randint(1, 12)
        while len(lines_of(tmp_path)) < wanted:
            time.sleep(0.001)
        time.sleep(rng.uniform(0, 0.01))
        driver.send_signal(signal.SIGKILL)
        driver.communicate()
    table = read_table(tmp_path)
    sampling_in(tmp_path).resume(table)
    trials = trials_in(tmp_path)
    states: dict[str, Counter[TrialState]] = {}
    for trial in trials:
        states.setdefault(trial.user_attrs["trial_id"], Counter())[trial.state] += 1
    assert len(table) >= kills
    for trial_id, end in table.items():
        wanted = {"complete": TrialState.COMPLETE, "pruned": TrialState.PRUNED, "failed": TrialState.FAIL}[end.state]
        assert states[trial_id][wanted] >= 1
        assert sum(states[trial_id].values()) - states[trial_id][TrialState.FAIL] == (end.state != "failed")
    assert not any(trial.state == TrialState.RUNNING for trial in trials)
    assert len(trials) <= len(table) + 3 * kills
    assert sorted(states) == [f"{number:05d}" for number in range(len(states))]
    assert len({(trial.user_attrs["trial_id"], trial.user_attrs["config"]) for trial in trials}) == len(states)
    assert len({trial.user_attrs["config"] for trial in trials}) == len(states)
