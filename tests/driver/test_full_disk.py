"""What the driver makes of a disk that takes no more, without Ray."""

from __future__ import annotations

import errno
from collections.abc import Callable

import pytest

from search.errors import StorageLost
from search.experiment.states import TrialState
from tests.support.search_world import World


def test_a_trial_that_a_full_disk_cut_off_ends_the_search_and_is_begun_again_by_a_resume(
    make: Callable[..., World],
) -> None:
    world = make(trials=2)
    cut, done = world.start(), world.start()
    world.epoch(cut, 2, 0.5)
    world.epoch(done, 2, 0.7)
    world.end(done)
    with pytest.raises(StorageLost, match=r"cannot be written \(No space left on device\); .* go on with --resume"):
        world.end(cut, TrialState.INTERRUPTED, unwritten=errno.ENOSPC)
    assert world.states() == {cut.trial_id: "running", done.trial_id: "complete"}
    world.resume()
    again = world.start()
    assert (again.trial_id, again.config, again.begun) == (cut.trial_id, cut.config, True)
    world.epoch(again, 2, 0.5)
    world.end(again)
    world.search.recorder.close()
    assert world.search.trials.counts() == {"complete": 2, "pruned": 0, "failed": 0}
    assert world.study() == {"COMPLETE": 2, "FAIL": 1}
