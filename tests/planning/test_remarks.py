"""What a plan tells of settings that can be trained and yet may not do what is wanted."""

from pathlib import Path

import pytest

from search.planning.make_plan import make_plan
from search.planning.options import parse

pytestmark = pytest.mark.usefixtures("elsewhere")


def told(line: str) -> list[str]:
    """What is told of a search on the digits, 9 steps an epoch, with these options."""
    Path("given.py").write_text(
        "from search.space import Float, Space\nfrom trainables.image_classifier import train\n"
        "space = Space(train, {'dropout': Float(0, 0.5)}, dataset='digits', trials=4, fixed={'epochs': 9})\n"
    )
    words = ("given.py", *line.split())
    said: list[str] = []
    make_plan(parse(words), words, warn=said.append)
    return said


@pytest.mark.parametrize(
    ("line", "share"),
    [("", "91%"), ("--stopping median", "91%"), ("--fidelity both", "99%"), ("--stopping none", "44%")],
)
def test_slow_batch_normalization_is_told_by_the_first_comparison(line: str, share: str) -> None:
    (note,) = told(line)
    assert note.startswith(
        f"NOTE: validation may mean little: with batch_norm_momentum 0.99 and 9 steps an epoch, {share}"
    )


@pytest.mark.parametrize("line", ["--set batch_norm_momentum=0.7", "--smoke"])
def test_nothing_is_told_where_nothing_can_mislead(line: str) -> None:
    assert told(line) == []
