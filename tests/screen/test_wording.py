"""What is said of a name that nobody knows, and how numbers are shown."""

import pytest

import search.wording
import trainables.wording


@pytest.mark.parametrize(
    ("name", "said"), [("epohcs", "Did you mean epochs?"), ("x", "Expected one of: batch_size, epochs.")]
)
def test_search_and_trainables_say_the_same_of_an_unknown_name(name: str, said: str) -> None:
    known = ["epochs", "batch_size"]
    assert search.wording.did_you_mean(name, known) == trainables.wording.did_you_mean(name, known) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [(27626.0, "27626"), (25_636_712.0, "25636712"), (0.123456, "0.1235"), (1e12, "1e+12"), (1e-7, "1e-07"), (7, "7")],
)
def test_whole_number_is_shown_with_all_its_digits(value: float, said: str) -> None:
    assert search.wording.show_value(value) == said


def test_what_an_error_says_is_one_line_without_a_terminal_s_colours() -> None:
    keras = ValueError("Exception in \x1b[1mDense.call()\x1b[0m.\n\n\x1b[1;31mshape [3]\x1b[0m\x1b[K is [4]")
    said = "Exception in Dense.call(). shape [3] is [4]"
    assert search.wording.one_line(keras) == trainables.wording.one_line(keras) == said
    assert search.wording.error_text(keras) == f"ValueError: {said}"
