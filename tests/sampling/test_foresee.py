"""What the sampler's model of learning curves expects of running trials."""

from __future__ import annotations

import numpy as np
import pytest

from search.sampling import Sampling
from search.sampling.model.learning_curves import as_scores, standardized
from search.space import Float, Space

EPOCHS = 27


def _train(config: object, trial: object) -> None: ...


SPACE = Space(
    _train, {"x": Float(0, 1), "idle": Float(0, 1)}, fixed={"epochs": EPOCHS}, metric="value", mode="max", trials=1
)


def curve(x: float) -> np.ndarray:
    """A rise towards 0.9, which is highest and quickest at 0.3."""
    off = (x - 0.3) ** 2
    return np.asarray((0.9 - off) * (1 - np.exp(-np.arange(1, EPOCHS + 1) * (0.5 - 0.4 * off))))


def told(sampler: str, sign: int = 1, trials: int = 30) -> tuple[Sampling, dict[str, float]]:
    """A search with so many complete trials, and six that have come to epoch 3, whose ends are given back."""
    mode = "max" if sign == 1 else "min"
    space = Space(_train, SPACE.parameters, fixed=SPACE.fixed, metric="value", mode=mode, trials=1)  # type: ignore[arg-type]
    sampling, ends = Sampling(space, None, sampler=sampler, seed=0), {}
    for number in range(trials + 6):
        proposal = sampling.ask()
        assert proposal is not None
        values = sign * curve(float(str(proposal.config["x"])))
        complete = number < trials
        for epoch, value in enumerate(values if complete else values[:3], 1):
            sampling.report(proposal.trial_id, epoch, float(value))
        if complete:
            sampling.tell(proposal.trial_id, "complete", float(values[-1]))
        else:
            ends[proposal.trial_id] = float(values[-1])
    return sampling, ends


@pytest.mark.parametrize("sign", [1, -1])
def test_ends_of_running_trials_are_foreseen_far_better_than_by_where_they_are(sign: int) -> None:
    sampling, ends = told("mfgp", sign)
    found = sampling.foresee()
    assert found.keys() == ends.keys()
    for trial_id, end in ends.items():
        assert found[trial_id].low <= found[trial_id].value <= found[trial_id].high
        assert abs(found[trial_id].value - end) < 0.05  # After three of 27 epochs they are at 0.6 to 0.7 of 0.9.
    assert sum(found[trial_id].low <= end <= found[trial_id].high for trial_id, end in ends.items()) >= 4


def test_no_trial_is_expected_to_end_below_its_best_epoch() -> None:
    sampling, ends = told("mfgp")
    for trial_id in ends:
        sampling.report(trial_id, 4, 0.99)
        assert sampling.foresee()[trial_id].low >= 0.99


def test_what_has_ended_is_foreseen_no_more() -> None:
    sampling, ends = told("mfgp")
    first = next(iter(ends))
    before = sampling.foresee()
    sampling.tell(first, "pruned", None)
    assert before.keys() - sampling.foresee().keys() == {first}


def test_proposals_are_the_same_whether_or_not_anybody_looks() -> None:
    """Three trials run at a time, and end in another order than that of their numbers."""

    def proposed(look: bool) -> list[object]:
        sampling, found = Sampling(SPACE, None, sampler="mfgp", seed=3), list[object]()
        for _ in range(40):  # More reports than the model is told, so that their order decides which it is.
            asked = [sampling.ask() for _ in range(3)]
            found += [proposal.config["x"] for proposal in asked if proposal]
            for epoch in (1, 2):
                for proposal in asked:
                    assert proposal is not None
                    sampling.report(proposal.trial_id, epoch, float(curve(float(str(proposal.config["x"])))[epoch]))
            for proposal in reversed(asked):
                assert proposal is not None
                sampling.tell(proposal.trial_id, "pruned", None)
                if look:
                    sampling.foresee()
        return found

    assert proposed(look=True) == proposed(look=False)


def test_without_a_model_nothing_is_foreseen() -> None:
    assert told("random")[0].foresee() == {}
    assert told("mfgp", trials=2)[0].foresee() == {}


def test_scores_come_back_from_their_standardized_values() -> None:
    scores = [0.1, 0.5, 0.55, 0.6, 40.0, 0.52]
    standard = standardized(scores)
    assert standard is not None
    np.testing.assert_allclose(as_scores(standard, scores), scores)
