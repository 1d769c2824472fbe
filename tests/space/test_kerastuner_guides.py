"""Guides of KerasTuner: the same hyperparameters as its oracle finds (table: docs/coming_from/keras_tuner.md)."""

import functools
import re
from pathlib import Path
from typing import Any

import pytest

from search.space.building.exploration import Found, explore
from search.space.building.hypermodel import build_once
from search.space.parameters import Choice, Float, Int
from tests.support.hypermodel_examples import oracle_finds
from tests.support.kerastuner_guides import GUIDES

pytestmark = pytest.mark.slow  # Some hundreds of small models are built.


CHANGING = ("getting started, layers", "visualize")
"""Those whose hyperparameters are not the same in every trial: KerasTuner sees them all in some trials only."""


@functools.cache
def found(guide: str) -> Found:
    return explore(lambda values: build_once(GUIDES[guide], values))


@pytest.mark.parametrize("guide", GUIDES)
def test_guide_has_the_hyperparameters_that_the_oracle_of_kerastuner_finds(guide: str, tmp_path: Path) -> None:
    assert found(guide).failures == []
    asked = found(guide).parameters.keys() | found(guide).constants.keys()
    assert asked == oracle_finds(GUIDES[guide], tmp_path, trials=12 if guide in CHANGING else 1)


def test_ranges_given_from_outside_win_over_those_of_the_build() -> None:
    assert found("tailor, a few").parameters == {"lr": Float(1e-3, 1e-1, log=True)}
    assert found("tailor, all but one").constants == {"units": 32}
    assert found("tailor, all but one").parameters.keys() == {"activation", "dropout", "lr"}


def test_layers_of_the_guide_are_there_where_their_number_says() -> None:
    parameters = found("visualize").parameters
    assert parameters["filters_1"] == Int(4, 12, step=4, when={"conv_layers": 2})
    assert parameters["pooling_0"] == Choice("max", "avg")
    assert parameters["batch_norm"] == Choice(False, True)


@pytest.mark.parametrize("name", ["HyperXception", "HyperImageAugment"])
def test_hypermodel_of_kerastuner_itself_is_found_whole(name: str, tmp_path: Path) -> None:
    import keras_tuner.applications

    arguments: dict[str, Any] = {"input_shape": (32, 32, 3)} | ({"classes": 3} if name == "HyperXception" else {})
    hypermodel = getattr(keras_tuner.applications, name)(**arguments)
    first = build_once(hypermodel, {})
    assert first.error is None
    assert first.values.keys() == oracle_finds(hypermodel, tmp_path, trials=1)


def test_every_row_of_the_documented_table_is_a_guide_that_is_held() -> None:
    text = (Path(__file__).parents[2] / "docs" / "coming_from" / "keras_tuner.md").read_text()
    rows = re.findall(
        r"^\| ([^|]+) \| [^|]+ \| [^|]+ \|$", text.partition("## The guides of KerasTuner")[2], re.MULTILINE
    )
    assert [row for row in rows if row not in ("guide", "---")] == list(GUIDES)
