"""The space files that are shipped, and the data that can stand in where a study's own is not at hand."""

import functools
import os
from pathlib import Path

import pytest

from search.errors import SearchError
from search.planning.make_plan import make_plan
from search.planning.options import parse
from search.planning.plan import Plan
from search.space import Space
from search.space.loading import read_space, space_of

ROOT = Path(__file__).parents[2]
SPACES = sorted(path for path in (ROOT / "spaces").glob("*.py") if path.name != "__init__.py")
STAND_INS = {"animals": "animals5", "realwaste": "waste9_standin"}


@functools.cache
def space_named(name: str) -> Space:
    """The space of a file of spaces/, as it stands there."""
    return space_of(read_space(f"{ROOT}/spaces/{name}.py"))


def words_for(path: Path) -> list[str]:
    """The path, and the stand-in of its data set where only that is at hand."""
    dataset = str(space_named(path.stem).dataset)
    stand_in = STAND_INS.get(dataset)
    if stand_in is None or _is_at_hand(dataset) or not _is_at_hand(stand_in):
        return [str(path)]
    return [str(path), "--dataset", stand_in]


def _is_at_hand(dataset: str) -> bool:
    folder = Path(os.environ.get("SEARCH_DATA_DIR") or "/nowhere")
    return folder.joinpath(dataset).is_dir() or any(folder.glob(f"{dataset}.*"))


def plan_of_shipped(path: Path, *options: str) -> Plan:
    """The plan of a shipped space; skips where its data is not at hand."""
    words = (*words_for(path), *options)
    try:
        return make_plan(parse(words), words, warn=print)
    except SearchError as error:
        if "not at hand" not in str(error):
            raise
        pytest.skip(str(error))
