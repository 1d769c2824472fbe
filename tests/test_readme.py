"""What the README shows is what there is."""

import dataclasses
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from search.space.loading import read_space, space_of

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PROGRAM, *SPACES = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("text", SPACES)
def test_example_is_a_space_that_can_be_planned(text: str, tmp_path: Path) -> None:
    file = tmp_path / "my_space.py"
    file.write_text(text)
    command = [sys.executable, "-m", "search.run", str(file), "--dry-run", "--results", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_first_example_is_the_file_that_it_names(tmp_path: Path) -> None:
    (tmp_path / "shown.py").write_text(SPACES[0])
    shown, there = (
        space_of(read_space(str(tmp_path / "shown.py"))),
        space_of(read_space(str(ROOT / "spaces/digits_filters.py"))),
    )
    assert shown == dataclasses.replace(there, trainable=shown.trainable)


@pytest.mark.slow
def test_first_program_searches_and_has_the_best_model(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM.replace("trials=8", "trials=3") + "\nmodel.summary()\n")
    command = [sys.executable, "program.py"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Best(trial_id=" in done.stdout
    assert "Total params" in done.stdout


@pytest.mark.slow
def test_trainable_of_the_example_is_searched_to_its_end(tmp_path: Path) -> None:
    file = tmp_path / "my_space.py"
    file.write_text(SPACES[2])
    command = [sys.executable, "-m", "search.run", str(file), "--trials", "4", "--results", str(tmp_path / "results")]
    command += ["--max-concurrent", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "4 complete" in done.stdout or "pruned" in done.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_within_the_project_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []
