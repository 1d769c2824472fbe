"""How a member of a population saves, waits, and goes on with another's training, with real training processes."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from search.experiment.remote.store import Store
from search.experiment.states import TrialState
from search.space.loading import SpaceFile
from search.trial.messages import Parent, Report, TrialSpec
from search.trial.runner import TrialRunner
from tests.support.training_process import context, scores

UNSAVED = """
    from search.space import Choice, Space

    def train(config, trial):
        for epoch in range(4):
            yield {"score": 1.0}

    space = Space(trainable=train, parameters={"act": Choice("good", "bad")}, metric="score", trials=2)
"""
MEMBERS = {"rungs": (2, 4), "interval": 2}
Start = Callable[..., TrialRunner]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    runners: list[TrialRunner] = []

    def one(**changes: object) -> TrialRunner:
        runners.append(TrialRunner(context(tmp_path, **{**MEMBERS, **changes}), "here"))
        return runners[-1]

    yield one
    for runner in runners:
        runner.close()


def train(runner: TrialRunner, trial_id: str, parent: Parent | None = None, begun: bool = False) -> Report:
    """Train a trial until it waits or ends."""
    config: dict[str, object] = {"act": "good", "epochs": 6}
    runner.begin(TrialSpec(trial_id, config, seed=0, proposed_at=time.monotonic(), parent=parent, begun=begun))
    return proceed(runner)


def proceed(runner: TrialRunner) -> Report:
    report = runner.proceed()
    while not report.waits and report.end is None:
        more = runner.proceed()
        report = Report(more.trial_id, [*report.epochs, *more.epochs], waits=more.waits, end=more.end)
    return report


def saved(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("[0-9]*"))


def test_a_member_saves_where_it_waits_and_waits_there_again(start: Start, tmp_path: Path) -> None:
    runner, own = start(), tmp_path / "checkpoints" / "00000"
    first = train(runner, "00000")
    assert (first.waits, scores([first]), saved(own)) == (True, [1, 2], ["000002"])
    again = train(runner, "00000", begun=True)
    assert (again.waits, scores([again])) == (True, [1, 2])
    assert scores([proceed(runner)]) == [3, 4]
    assert saved(own) == ["000002", "000004"]  # Followers may not have begun with the earlier one yet.


def test_a_follower_begins_behind_its_parents_epoch_and_reports_only_its_own(start: Start) -> None:
    train(start(), "00000")
    follower = train(start(), "00001", Parent("00000", 2))
    assert (follower.waits, scores([follower])) == (True, [3, 4])
    assert {one["first"] for one in follower.epochs} == {3.0}
    again = train(start(), "00001", Parent("00000", 2), begun=True)
    assert scores([again]) == [3, 4]


def test_checkpoints_move_between_nodes_by_the_store(start: Start, store: Store) -> None:
    far = {"token": "another driver's", "store": store}
    runner = start(**far)
    train(runner, "00000")
    assert proceed(runner).waits
    assert scores([train(start(**far), "00001", Parent("00000", 2))]) == [3, 4]


@pytest.mark.parametrize(
    ("parent", "space", "words"),
    [
        (
            Parent("00007", 2),
            None,
            "it goes on from trial 00007 after epoch 2, whose checkpoint this node does not find",
        ),
        (None, UNSAVED, "cannot be gone on with, which a population needs: its trainable sets no `save`"),
    ],
)
def test_a_training_that_cannot_go_on_fails_in_one_line(
    start: Start, parent: Parent | None, space: str | None, words: str
) -> None:
    changes = {} if space is None else {"space_file": SpaceFile("members.py", textwrap.dedent(space))}
    end = train(start(**changes), "00001", parent).end
    assert end is not None
    assert end.state is TrialState.FAILED
    assert words in str(end.error)
