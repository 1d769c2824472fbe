"""docs/settings.md names every setting of the image classifier, and its example is planned as it stands there."""

import re
from pathlib import Path

from search.planning.make_plan import make_plan
from search.planning.options import parse
from trainables.datasets.settings import DATA_SETTINGS
from trainables.settings.image import IMAGE_SETTINGS

TEXT = (Path(__file__).parents[2] / "docs" / "settings.md").read_text()


def test_guide_has_a_row_for_every_setting() -> None:
    rows = re.findall(r"^\| (`[^|]+) \|", TEXT, flags=re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == {*IMAGE_SETTINGS, *DATA_SETTINGS}


def test_example_with_callbacks_is_planned(tmp_path: Path) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)
    file = tmp_path / "guide.py"
    file.write_text(example)
    words = (str(file), "--results", str(tmp_path))
    assert make_plan(parse(words), words, warn=print).trials == 10
