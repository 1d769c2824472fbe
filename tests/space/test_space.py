"""Spaces: what is refused when they are made, conditions, grids, pinning."""

import collections
import dataclasses
import itertools
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from search.errors import SearchError
from search.space import Choice, Float, Int, Space, fingerprint
from search.space.values import text_of


def train(config: dict[str, object], trial: object) -> Iterator[dict[str, float]]:
    yield {"value": 0.0}


def space(parameters: Any, **others: Any) -> Space:
    return Space(trainable=train, parameters=parameters, **{"metric": "value", "trials": 5, **others})


class Alike:
    """One of a kind whose text does not tell its values apart."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __repr__(self) -> str:
        return "Alike"


NESTED = {
    "depth": Int(1, 3, when={"regime": "unfreeze"}),
    "network": Choice("two_conv", "vgg16", "resnet"),
    "regime": Choice("frozen", "unfreeze", when={"network": ("vgg16", "resnet")}),
}


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Float(0.1, 0.001), "low=0.1 and high=0.001; expected low < high"),
        (lambda: Float(0, 0), "low < high"),
        (lambda: Float(0, 1, log=True), "low > 0"),
        (lambda: Float(1, 9, log=True, step=1), "both log=True and step"),
        (lambda: Float(0, 1, step=0), "a number above 0"),
        (lambda: Float(0, 1, step=2), "leaves 0 alone"),
        (lambda: Float(0, float("inf")), "not a finite number"),
        (lambda: Int(1, 9, log=True, step=2), "both log=True and step"),
        (lambda: Int(1, 2.5), "whole numbers"),  # type: ignore[arg-type]
        (lambda: Int(False, 3), "not a finite number"),
        (Choice, "no option"),
        (lambda: Choice([1, 2]), "one option, a list"),
        (lambda: Choice(1, 2, 1), "twice"),
        (lambda: Choice(1.0, float("nan")), "finite numbers"),
        (lambda: Choice(train, None), "another in every process"),
        (lambda: Choice(np.zeros(2), np.ones(2)), "has an array as an option"),
        (lambda: Choice(Alike(1), Alike(2)), "two options with the same text"),
        (lambda: Int(0, 3, when="network"), "not a condition"),  # type: ignore[arg-type]
        (lambda: Int(0, 3, when={"network": ()}), "names no value"),
    ],
)
def test_wrong_parameter_is_refused_when_it_is_made(make: Callable[[], object], words: str) -> None:
    with pytest.raises(SearchError, match=words) as error:
        make()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("parameters", "others", "words"),
    [
        ({"a": 3}, {}, "Move a constant to `fixed`"),
        ({"": Int(0, 1)}, {}, "expected one line"),
        ({"a=b": Int(0, 1)}, {}, "one line without '='"),
        ({"a\nb": Int(0, 1)}, {}, "one line without '='"),
        ({"a": Int(0, 1)}, {"fixed": {"a": 1}}, "also in `fixed`"),
        ({"filters": Int(0, 1), "b": Int(0, 1, when={"filter": 1})}, {}, "Did you mean filters"),
        ({"a": Float(0, 1), "b": Int(0, 1, when={"a": 0.5})}, {}, "a continuous range"),
        ({"a": Choice("x", "y"), "b": Int(0, 1, when={"a": "z"})}, {}, "can never hold"),
        ({"a": Choice(0, 1), "b": Int(0, 1, when={"a": True})}, {}, "can never hold"),
        ({"b": Int(0, 1, when={"a": "z"})}, {"fixed": {"a": "x"}}, "can never hold"),
        ({"a": Int(0, 1, when={"b": 1}), "b": Int(0, 1, when={"a": 1})}, {}, "depends on itself"),
        ({"a": Int(0, 1, when={"a": 1})}, {}, "depends on itself"),
        ({**NESTED, "c": Int(0, 1, when={"network": "two_conv", "regime": "frozen"})}, {}, "together with its parents"),
        ({"a": Float(0, 1)}, {"trials": None}, "trials is not given"),
        ({"a": Int(0, 1)}, {"trials": 0}, "a whole number above 0"),
        ({"a": Int(0, 1)}, {"metric": "test_accuracy"}, "Try 'val_accuracy'"),
        ({"a": Int(0, 1)}, {"mode": "highest"}, "expected one of: max, min"),
        ({"a": Int(0, 1)}, {"sampler": "bayes"}, "expected one of: mfgp, tpe"),
        ({"a": Int(0, 1)}, {"cpus_per_trial": 0}, "at least 0.01"),
        ([Int(0, 1)], {}, "expected a dict"),
    ],
)
def test_wrong_space_is_refused_when_it_is_made(parameters: Any, others: dict[str, Any], words: str) -> None:
    with pytest.raises(SearchError, match=words) as error:
        space(parameters, **others)
    assert "\n" not in str(error.value)


def test_numpy_scalars_become_plain_values_and_a_list_of_conditions_the_tuple_it_means() -> None:
    one: Any = np.int64(1)
    three: Any = np.int64(3)
    half: Any = np.float32(0.5)
    depth = Int(one, three, when={"kind": ["a", np.str_("b")]})
    searched = space(
        {
            "kind": Choice("a", "b", "c"),
            "depth": depth,
            "rate": Float(half, 1),
            "size": Choice(np.int64(2), 4),
        },
        fixed={"units": [np.int64(8)], "alpha": np.float64(0.25)},
    )
    shown = repr((searched.parameters, searched.fixed))
    assert "np." not in shown
    assert searched.parameters["depth"] == Int(1, 3, when={"kind": ("a", "b")})


def test_sets_have_the_same_text_in_every_process() -> None:
    code = "from search.space import *; c = Choice(frozenset('abcdef'), ({'x', 'y', 'z'}, 1)); print(c.texts()); "
    code += "print(fingerprint({'a': {'x', 'y', 'z'}}))"
    texts = {
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(texts) == 1
    assert b"frozenset({'a', 'b', 'c'" in texts.pop()


def test_parents_come_before_their_children() -> None:
    assert list(space(NESTED).parameters) == ["network", "regime", "depth"]


def test_grid_holds_every_active_combination_once() -> None:
    grid = list(space(NESTED).grid())
    expected: list[dict[str, object]] = [{"network": "two_conv"}]
    for network in ("vgg16", "resnet"):
        expected.append({"network": network, "regime": "frozen"})
        expected += [{"network": network, "regime": "unfreeze", "depth": depth} for depth in (1, 2, 3)]
    assert sorted(map(fingerprint, grid)) == sorted(map(fingerprint, expected))


@pytest.mark.parametrize(
    "parameters",
    [
        NESTED,
        {},
        {"a": Int(1, 10, step=4), "b": Float(0, 1, step=0.3), "c": Choice(1, "1", None)},
        {**NESTED, "e": Choice(1, 2, when={"depth": (1, 3)}), "f": Int(1, 8, log=True)},
    ],
)
def test_size_is_the_length_of_the_grid(parameters: dict[str, Any]) -> None:
    assert space(parameters).size() == len({fingerprint(config) for config in space(parameters).grid()})


def test_size_of_a_wide_range_is_known_without_listing_it() -> None:
    assert space({"a": Int(1, 10**12), "b": Choice(1, 2)}).size() == 2 * 10**12


def test_continuous_range_has_no_size_and_its_grid_names_it() -> None:
    searched = space({"a": Int(0, 1), "rate": Float(0, 1)})
    assert searched.size() is None
    with pytest.raises(SearchError, match="'rate' is a Float without a step"):
        next(searched.grid())


def test_stepped_floats_are_the_decimals_that_were_meant() -> None:
    assert Float(0.1, 0.5, step=0.1).values() == (0.1, 0.2, 0.3, 0.4, 0.5)
    assert Float(-0.3, 0.35, step=0.1).values() == (-0.3, -0.2, -0.1, 0.0, 0.1, 0.2, 0.3)
    assert Float(1e-14, 5e-14, step=2e-14).values() == (1e-14, 3e-14, 5e-14)
    assert {type(value) for value in Float(0, 4, step=2).values() or ()} == {float}
    assert Float(0.1, 0.5, step=0.1).nearest(0.30000000000000004) == 0.3


def test_choice_texts_are_distinct_and_plain_where_they_can_be() -> None:
    assert Choice("adam", 1, None, (3, 3)).texts() == ("adam", "1", "None", "(3, 3)")
    assert Choice("1", 1).texts() == ("'1'", "1")


def test_pinned_parent_drops_children_that_cannot_hold_and_frees_those_that_do() -> None:
    pinned = space(NESTED).pin("network", "vgg16")
    assert list(pinned.parameters) == ["regime", "depth"]
    assert not pinned.parameters["regime"].when
    assert pinned.size() == 4
    assert dict(space(NESTED).pin("network", "two_conv").parameters) == {}
    assert dict(space(NESTED).pin("regime", "frozen").parameters).keys() == {"network"}


def test_pinning_reaches_every_configuration_of_the_grid_that_has_the_value() -> None:
    whole = [config for config in space(NESTED).grid() if config["network"] == "resnet"]
    pinned = [{"network": "resnet", **config} for config in space(NESTED).pin("network", "resnet").grid()]
    assert pinned == whole


def test_child_of_a_fixed_setting_is_active() -> None:
    searched = space({"depth": Int(1, 2, when={"network": "vgg16"})}, fixed={"network": "vgg16"})
    assert list(searched.grid()) == [{"depth": 1}, {"depth": 2}]


def test_settings_show_bounds_options_and_constants() -> None:
    searched = space({"a": Float(0, 1), "b": Int(1, 8, step=3), "c": Choice("x", 2)}, fixed={"d": 4})
    assert searched.settings() == {"d": (4,), "a": (0.0, 1.0), "b": (1, 7), "c": ("x", 2)}


def test_fingerprints_are_equal_for_equal_configurations_only() -> None:
    configs: list[dict[str, object]] = [
        {"a": 1},
        {"a": 1.0},
        {"a": True},
        {"a": "1"},
        {"a": 1, "b": 2},
        {"a": "1; b=2"},
        {"a": None},
        {},
    ]
    for left, right in itertools.combinations(configs, 2):
        assert fingerprint(left) != fingerprint(right)
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})


def test_space_keeps_what_it_was_made_of_when_its_maker_changes_the_dict() -> None:
    parameters: dict[str, Any] = {"a": Int(0, 1)}
    searched = space(parameters)
    parameters["b"] = Int(0, 1)
    assert list(searched.parameters) == ["a"]
    with pytest.raises(TypeError):
        searched.parameters["b"] = Int(0, 1)


@pytest.mark.parametrize("options", [(1, 1.0), (2**60, 2**60 + 1), (10**400, 1)])
def test_numbers_that_a_column_could_not_tell_apart_are_stored_by_their_text(options: tuple[float, ...]) -> None:
    choice = Choice(*options)
    assert choice.column_type() == "string"
    assert [choice.text(option) for option in options] == list(map(str, options))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("caf\udce9", "b"), "no Unicode text"),
        (((np.zeros(2),), (np.ones(2),)), "holds arrays"),
        (({"relu", "tanh"},), "one option, a set"),
    ],
)
def test_options_that_no_table_can_hold_or_nobody_meant_are_refused(options: Any, words: str) -> None:
    with pytest.raises(SearchError, match=words):
        Choice(*options)
    with pytest.raises(SearchError, match="wider than any number"):
        Float(-1e308, 1e308)


def test_text_of_a_dataclass_or_named_tuple_has_its_sets_in_order() -> None:
    @dataclasses.dataclass(frozen=True)
    class Group:
        names: frozenset[str]

    pair = collections.namedtuple("pair", "left right")
    names = frozenset({"relu", "tanh", "elu"})
    assert text_of(Group(names)).endswith("Group(names=frozenset({'elu', 'relu', 'tanh'}))")
    assert text_of((pair(1, set(names)),)) == "(pair(left=1, right={'elu', 'relu', 'tanh'}),)"
