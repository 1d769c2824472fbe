"""Commands that run a search again, as the summary, the report and a model card print them."""

from __future__ import annotations

from typing import Any

import pytest

from search.experiment.again import GIVEN, runnable, under_another_name
from search.keywords import keyword_words


@pytest.mark.parametrize(
    "options",
    [
        {"trials": 20, "name": "one", "seed": 3, "results": "kept here"},
        {"set": {"units": 8, "bits": "8", "rate": 1e-3, "layers": (64, 32), "kind": None, "text": "it's"}, "trials": 1},
        {"dataset": "digits", "time_budget": "10m", "quiet": True, "page": False, "target": -0.5},
        {"objective": {"val_accuracy": "max", "num_parameters": "min"}, "constraint": {"num_parameters": "<= 1e5"}},
        {"name": "00123", "warm_start": ["results/a", "results/b"], "resume": True},
    ],
)
def test_call_has_the_options_that_the_search_was_given(options: dict[str, Any]) -> None:
    words = [GIVEN, *keyword_words(options)]
    taken: list[dict[str, Any]] = []
    eval(runnable(words), {"run_search": lambda space, **given: taken.append(given), "space": None})
    assert keyword_words(taken[0]) == (words[1:] if "set" not in options else keyword_words(options))


def test_command_of_a_file_is_a_line_for_a_shell() -> None:
    assert runnable(["my space.py", "--set", "a=1"]) == "python -m search.run 'my space.py' --set a=1"


@pytest.mark.parametrize(
    "words", [["a.py", "--name", "x", "--trials", "3"], ["a.py", "--name=x", "--trials", "3", "--resume"]]
)
def test_other_name_stands_in_place_of_the_one_that_is_taken(words: list[str]) -> None:
    assert under_another_name(words) == ["a.py", "--trials", "3", "--name", "ANOTHER"]
