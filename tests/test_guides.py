"""Files that the guides show run, commands of the tutorial follow one another, and the site is built."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from search.experiment.schema import read_trials

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
GUIDES = sorted((DOCS / "coming_from").glob("*.md"))
SHORTER = (
    ("n_trials=20", "n_trials=1"),
    ("num_samples=20", "num_samples=1"),
    ("range(10)", "range(2)"),
    ("max_t=10", "max_t=2"),
    ("max_epochs=10", "max_epochs=2"),
)
"""What is searched is as shown; how long is not, so that the tests end soon."""


def blocks(page: Path, language: str = "python") -> list[str]:
    found = re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    return [text for kind, text in found if kind == language]


def run(folder: Path, *words: str) -> str:
    """What a command says; it runs in `folder`, with this Python."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "RAY_AIR_NEW_OUTPUT": "0"}
    environment["RAY_ADDRESS"] = "local"  # Ray Tune alone joins whatever cluster it finds, that of another test too.
    done = subprocess.run(
        [sys.executable, *words], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.stem)
def test_a_search_before_and_after_runs_as_shown(page: Path, tmp_path: Path) -> None:
    before, after, *_ = blocks(page)
    for shown, shorter in SHORTER:
        before = before.replace(shown, shorter)
    (tmp_path / "before.py").write_text(before)
    assert "learning_rate" in run(tmp_path, "before.py")  # The best configuration is printed.
    (tmp_path / "after.py").write_text(after)
    run(tmp_path, "-m", "search.run", "after.py", "--trials", "1", "--max-concurrent", "1")
    found = read_trials(tmp_path / "results" / "after").table
    assert set(found["state"].to_pylist()) <= {"complete", "pruned"}
    assert {"config.learning_rate", "val_accuracy"} <= set(found.column_names)


def test_space_of_the_guide_to_populations_is_planned_as_it_stands_there(tmp_path: Path) -> None:
    (space,) = blocks(DOCS / "populations.md")
    (tmp_path / "rates.py").write_text(space)
    assert "16 configurations" in run(tmp_path, "-m", "search.run", "rates.py", "--dry-run")


def test_commands_of_the_tutorial_lead_from_the_question_to_the_model(tmp_path: Path) -> None:
    (space,) = blocks(DOCS / "tutorial.md")
    (tmp_path / "digits_dense.py").write_text(space.replace("trials=30", "trials=4"))
    commands = [line for block in blocks(DOCS / "tutorial.md", "") for line in block.splitlines()]
    assert len(commands) == 8
    said = {command: run(tmp_path, *shlex.split(command)[1:]) for command in commands}
    assert "units" in said["python -m search.run digits_dense.py --dry-run"]
    assert "val_accuracy" in said["python -m analysis.compare results/digits_dense"]
    assert (tmp_path / "results/digits_dense/report.html").exists()


def test_the_site_is_built_without_a_dead_link(tmp_path: Path) -> None:
    run(ROOT, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site"))
    page = (tmp_path / "site/reference/space.html").read_text()
    assert "A question put to a trainable" in page  # The docstring of Space.
    assert "https://fonts" not in page
