"""Cores and GPUs by configuration: which a trial is given, and which tables are refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from search.errors import SearchError
from search.planning.resources import slots
from search.planning.smoke import smoke_space
from search.space import Choice, Float, Int, Space
from search.space.per_trial import Shape


def train(config: object, trial: object) -> Iterator[dict[str, float]]:
    yield {}


def space(**changes: Any) -> Space:
    parameters = {
        "network": Choice("two_conv", "vgg16", "xception"),
        "unfreeze_depth": Int(0, 4, when={"network": ("vgg16", "xception")}),
        "learning_rate": Float(1e-4, 1e-2, log=True),
    }
    options: dict[str, Any] = {"trainable": train, "parameters": parameters, "trials": 4, **changes}
    return Space(**options)


LARGE = [({"network": ("vgg16", "xception"), "unfreeze_depth": (3, 4)}, 2), ({"network": "vgg16"}, 1), 0.25]


def test_the_first_condition_that_holds_counts_and_the_last_number_is_for_all_others() -> None:
    table = space(gpus_per_trial=LARGE, cpus_per_trial=[({"network": "vgg16"}, 4), 1])
    assert table.shape({"network": "vgg16", "unfreeze_depth": 4}) == Shape(4, 2)
    assert table.shape({"network": "xception", "unfreeze_depth": 3}) == Shape(1, 2)
    assert table.shape({"network": "vgg16", "unfreeze_depth": 0}) == Shape(4, 1)
    assert table.shape({"network": "two_conv"}) == Shape(1, 0.25)


def test_the_shapes_of_a_space_are_those_that_its_trials_may_have() -> None:
    table = space(gpus_per_trial=[({"network": "vgg16"}, 1), 0.25], cpus_per_trial=[({"network": "vgg16"}, 4), 1])
    assert table.shapes() == (Shape(4, 1), Shape(1, 0.25))  # And not four CPUs for a small one.
    assert space(gpus_per_trial=0.5).shapes() == (Shape(1, 0.5),)


def test_a_pinned_setting_decides_the_shape_too() -> None:
    table = space(gpus_per_trial=LARGE)
    assert table.pin("network", "two_conv").shapes() == (Shape(1, 0.25),)
    pinned = table.pin("network", "vgg16").pin("unfreeze_depth", 4)
    assert (pinned.shapes(), pinned.shape({})) == ((Shape(1, 2),), Shape(1, 2))


def test_a_smoke_run_keeps_the_conditions_that_can_still_hold() -> None:
    cut = smoke_space(space(gpus_per_trial=LARGE), {})
    assert cut.shapes() == (Shape(1, 1), Shape(1, 0.25))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([({"network": "vgg61"}, 1), 0.25], r"\{'network': \('vgg61',\)\}, which can never hold; 'network' is one of"),
        ([({"netwrok": "vgg16"}, 1), 0.25], "'netwrok' is no setting of the space"),
        ([({"network": "vgg16"}, 1)], "expected a number there, for all other configurations"),
        ([({"network": "vgg16"}, -1), 0.25], "gpus_per_trial=-1; expected a number of at least 0"),
        ([("vgg16", 1), 0.25], "is not a condition"),
        ([{"network": "vgg16"}, 0.25], r"expected a pair \(when, number\)"),
        ("one", "or a table by condition"),
        ([], "or a table by condition"),
    ],
)
def test_a_table_that_cannot_be_meant_is_refused(given: object, words: str) -> None:
    with pytest.raises(SearchError, match=words):
        space(gpus_per_trial=given)


def test_a_shape_that_no_node_has_is_refused_even_where_others_fit() -> None:
    shapes = space(gpus_per_trial=LARGE).shapes()
    with pytest.raises(SearchError, match="1 CPUs and 2 GPUs, and no node has them: the largest has 8 CPUs and 1 GPUs"):
        slots([{"CPU": 8, "GPU": 1}], shapes, None)
    assert slots([{"CPU": 8, "GPU": 2}], shapes, None) == 8
    assert slots([{"CPU": 8, "GPU": 2}], shapes, 3) == 3


def test_shares_of_a_gpu_never_span_two() -> None:
    assert slots([{"CPU": 16, "GPU": 2}], [Shape(1, 0.5)], None) == 4
    assert slots([{"CPU": 16, "GPU": 2}], [Shape(1, 0.4)], None) == 4
    assert slots([{"CPU": 3, "GPU": 2}], [Shape(1, 0.5)], None) == 3


def test_the_table_is_told_in_words() -> None:
    told = space(gpus_per_trial=[({"network": ("vgg16", "xception")}, 1), 0.25]).describe_shapes()
    assert told == "CPUs 1; GPUs 1 where network is vgg16 or xception, 0.25 else"
    assert space(gpus_per_trial=0.5).describe_shapes() == "1 CPU and 0.5 GPU each"
