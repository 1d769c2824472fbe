"""A disk that takes no more of what a training process writes."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from search.experiment.states import TrialState
from search.trial.runner import TrialRunner
from tests.support.training_process import context, run, scores


@pytest.mark.parametrize(("what", "epochs"), [("checkpoint", 2), ("model", 3)])
def test_a_full_disk_interrupts_the_trial_that_it_refuses_a_file_and_does_not_fail_it(
    tmp_path: Path, what: str, epochs: int
) -> None:
    """It has trained as it should, and does so again once there is space."""
    runner = TrialRunner(context(tmp_path, rungs=(2,), interval=2), "here")
    reports = run(runner, act="full", what=what, folder=str(tmp_path))
    end = reports[-1].end
    assert end is not None
    assert (end.state, end.unwritten, end.error) == (TrialState.INTERRUPTED, errno.ENOSPC, None)
    assert scores(reports) == [1.0, 2.0, 3.0][:epochs]
    (tmp_path / "mended").touch()
    end = run(runner, act="full", what=what, folder=str(tmp_path))[-1].end
    runner.close()
    assert end is not None
    assert end.state is TrialState.COMPLETE
