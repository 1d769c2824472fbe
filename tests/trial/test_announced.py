"""What a trainable says before its first epoch: enough to leave a trial untrained."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from search.experiment.states import TrialState
from search.goals import Goals
from search.space.loading import SpaceFile
from search.trial.messages import TrialEnd
from search.trial.runner import TrialRunner
from tests.support.training_process import context, run, scores

SPACE = """
from search.space import Choice, Space

def train(config, trial):
    if config["says"] in ("before", "twice"):
        trial.announce({"size": config["size"]})
    if config["says"] == "twice":
        trial.announce({"steps": 7})
    for epoch in (1, 2):
        yield {"score": float(epoch), "loss": 1.0}
    if config["says"] == "after":
        yield {"size": config["size"]}

space = Space(train, {"says": Choice("before", "twice", "after", "never")}, metric="score", trials=2)
"""


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[TrialRunner]:
    goals = Goals("score", "max", constraints={"size": "<= 10"})
    file = SpaceFile(str(tmp_path / "sizes.py"), textwrap.dedent(SPACE))
    one = TrialRunner(context(tmp_path, space_file=file, goals=goals), "here")
    yield one
    one.close()


def test_trial_is_left_untrained_where_what_is_known_violates_a_constraint(runner: TrialRunner) -> None:
    reports = run(runner, says="before", size=20)
    assert reports[-1].end == TrialEnd(TrialState.PRUNED, summary={"size": 20.0}, own_bytes=_own(reports[-1].end))
    assert scores(reports) == []
    kept = run(runner, says="before", size=10)
    assert scores(kept) == [1.0, 2.0]
    assert kept[-1].end is not None
    assert (kept[-1].end.state, kept[-1].end.summary) == (TrialState.COMPLETE, {"size": 10.0})


def test_what_is_said_in_several_calls_adds_up(runner: TrialRunner) -> None:
    end = run(runner, says="twice", size=10)[-1].end
    assert end is not None
    assert (end.state, end.summary) == (TrialState.COMPLETE, {"size": 10.0, "steps": 7.0})


def _own(end: TrialEnd | None) -> int:
    return end.own_bytes if end is not None else 0


def test_what_is_known_only_at_the_end_is_yielded_there(runner: TrialRunner) -> None:
    end = run(runner, says="after", size=20)[-1].end
    assert end is not None
    assert (end.state, end.summary) == (TrialState.COMPLETE, {"size": 20.0})


def test_trial_that_never_says_what_a_constraint_needs_has_failed(runner: TrialRunner) -> None:
    end = run(runner, says="never", size=20)[-1].end
    assert end is not None
    assert end.state is TrialState.FAILED
    assert str(end.error).startswith("ValueError: the trainable yielded no 'size'.")
