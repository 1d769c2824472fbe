"""What is said of a name that nobody knows."""

import pytest

import search.wording
import trainables.wording


@pytest.mark.parametrize(
    ("name", "said"), [("epohcs", "Did you mean epochs?"), ("x", "Expected one of: batch_size, epochs.")]
)
def test_search_and_trainables_say_the_same_of_an_unknown_name(name: str, said: str) -> None:
    known = ["epochs", "batch_size"]
    assert search.wording.did_you_mean(name, known) == trainables.wording.did_you_mean(name, known) == said
