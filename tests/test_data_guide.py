"""The examples of docs/data.md are planned and trained as they stand there."""

import re
from pathlib import Path

import pytest

from search.planning.make_plan import make_plan
from search.planning.options import parse
from search.space.loading import read_space, space_of
from trainables.trial import Trial

TEXT = (Path(__file__).parents[1] / "docs" / "data.md").read_text()
EXAMPLES = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)


@pytest.mark.parametrize("text", EXAMPLES, ids=["table", "text"])
def test_example_of_other_data_than_images_learns(tmp_path: Path, text: str) -> None:
    file = tmp_path / "guide.py"
    file.write_text(text)
    words = (str(file), "--results", str(tmp_path))
    plan = make_plan(parse(words), words, warn=print)
    assert plan.dataset is None
    space = space_of(read_space(str(file)))
    drawn = {name: parameter.bounds()[1] for name, parameter in space.parameters.items()}
    config = {**space.fixed, **drawn, "epochs": 4, "learning_rate": 0.02, "dataset": space.dataset}
    reports = list(space.trainable(config, Trial(seed=1)))
    assert reports[-1]["test_accuracy"] > 1.5 * reports[-1]["baseline_accuracy"]
