"""Whole commands with real Ray and real training processes: what they print, what they leave, what they end with."""

import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from search.experiment.manifest import read_manifest
from search.experiment.schema import read_trials

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]

OWN_SPACE = '''"""Does a space of one's own work?"""

from dataclasses import dataclass

from neighbour_of_given import SHIFT
from package_on_the_path.model import scale

from search.space import Choice, Space


@dataclass(frozen=True)
class Point:
    x: float
    kind: str


def train(config, trial):
    point = Point(scale() * config["x"] + SHIFT, repr(config["mixed"]))
    print("trained with", point)
    if config["mixed"] is None:
        raise ValueError("None has no value")  # line 21
    yield {"value": point.x + len(point.kind)}


options = Choice(1, "1", None, True, (1, "1"))
space = Space(train, {"x": Choice(0.5, 0.25), "mixed": options}, metric="value", sampler="grid", stopping="none")
'''


@dataclass(frozen=True)
class Done:
    """One command that has ended, in the folder in which it ran."""

    folder: Path
    code: int
    out: str
    error: str

    def rows(self, name: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = read_trials(self.folder / "results" / name).table.to_pylist()
        return rows

    def line(self, start: str) -> str:
        return next(line for line in self.out.splitlines() if line.startswith(start))


def command(folder: Path, words: Sequence[str], **environment: str) -> Done:
    """Run `python -m search.run` somewhere else than in the checkout."""
    known = {name: value for name, value in os.environ.items() if name not in ("SEARCH_DATA_DIR", "PYTHONPATH")}
    done = subprocess.run(
        [sys.executable, "-m", "search.run", *words],
        cwd=folder,
        env={**known, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return Done(folder, done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def own_run(tmp_path_factory: pytest.TempPathFactory) -> Done:
    """A search of a space outside the repository that imports a neighbour and a package on PYTHONPATH."""
    folder = tmp_path_factory.mktemp("elsewhere")
    (folder / "spaces of mine").mkdir()
    (folder / "spaces of mine" / "given.py").write_text(OWN_SPACE)
    (folder / "spaces of mine" / "neighbour_of_given.py").write_text("SHIFT = 1.5\n")
    (folder / "lib" / "package_on_the_path").mkdir(parents=True)
    (folder / "lib" / "package_on_the_path" / "model.py").write_text("def scale():\n    return 2.0\n")
    return command(folder, ["spaces of mine/given.py", "--max-concurrent", "1"], PYTHONPATH=str(folder / "lib"))


def test_space_outside_the_repository_trains_in_other_processes(own_run: Done) -> None:
    assert own_run.code == 0, own_run.error
    rows = own_run.rows("given")
    assert [row["state"] for row in rows].count("complete") == 8
    assert max(row["value"] for row in rows if row["value"]) == 2.0 * 0.5 + 1.5 + len(repr((1, "1")))


def test_command_prints_nothing_but_its_own_lines(own_run: Done) -> None:
    assert own_run.error == ""
    first, *_ = own_run.out.splitlines()
    assert first == "given: 10 configurations, sampler grid; starting workers"
    assert not re.search(r"ray|tune|warning|INFO|\x1b", own_run.out, re.IGNORECASE), own_run.out
    assert len(own_run.out.splitlines()) < 30


def test_failed_trial_leaves_its_output_and_a_traceback_with_the_real_line(own_run: Done) -> None:
    failed = [row for row in own_run.rows("given") if row["state"] == "failed"]
    assert [row["error"] for row in failed] == ["ValueError: None has no value"] * 2
    log = (own_run.folder / "results" / "given" / failed[0]["log"]).read_text()
    assert "trained with Point(x=" in log
    assert re.search(
        r'spaces of mine/given.py", line 21, in train\n +raise ValueError\("None has no value"\)  # line 21', log
    )
    assert (
        f"failed:  trial {failed[0]['trial_id']}: ValueError: None has no value; see results/given/logs/" in own_run.out
    )


def test_words_of_the_best_run_again_with_the_same_metric(own_run: Done) -> None:
    words = shlex.split(own_run.line("again:"))
    again = command(own_run.folder, words[4:], PYTHONPATH=str(own_run.folder / "lib"))
    assert (again.code, again.error) == (0, "")
    (row,) = again.rows("given-best")
    best = max(own_run.rows("given"), key=lambda row: row["value"] or 0)
    assert row["value"] == best["value"]
    assert read_manifest(own_run.folder / "results" / "given-best")["space"]["fixed"]["mixed"] == "(1, '1')"


def test_search_in_which_all_trials_fail_ends_early_with_the_cause(own_run: Done) -> None:
    text = (own_run.folder / "spaces of mine" / "given.py").read_text()
    (own_run.folder / "broken.py").write_text(
        text.replace("from package_on_the_path.model import scale", "scale = float")
        .replace("from neighbour_of_given import SHIFT", "SHIFT = 1.0")
        .replace("Choice(0.5, 0.25)", "Choice(*range(50))")
    )
    done = command(own_run.folder, ["broken.py", "--set", "mixed=None", "--quiet", "--max-concurrent", "2"])
    assert done.code == 1
    assert done.error.startswith("the search was ended: the first ")
    assert "trials all failed with: ValueError: None has no value" in done.error
    assert done.error.count("\n") == 1
    assert 3 <= len(done.rows("broken")) < 10
    assert done.out.splitlines()[1].startswith("broken: ")  # Quiet: the result only.


@pytest.fixture(scope="module")
def scratch() -> Iterator[Path]:
    """A folder for temporary files, of a short name: Ray makes sockets in it, whose paths end at 107 characters."""
    with tempfile.TemporaryDirectory(prefix="smoke-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def smoke_run(tmp_path_factory: pytest.TempPathFactory, scratch: Path) -> Done:
    """A smoke run of real training with TensorFlow, whose temporary files have a folder of their own."""
    words = [str(ROOT / "spaces" / "digits_filters.py"), "--smoke", "--max-concurrent", "1"]
    return command(tmp_path_factory.mktemp("smoke"), words, TMPDIR=str(scratch))


def test_training_leaves_no_chatter_of_tensorflow_or_ray(smoke_run: Done) -> None:
    assert smoke_run.code == 0, smoke_run.error
    assert smoke_run.error == ""
    assert not re.search(r"tensorflow|cuda|onednn|\bray\b", smoke_run.out, re.IGNORECASE), smoke_run.out


def test_smoke_run_leaves_nothing_behind(smoke_run: Done, scratch: Path) -> None:
    assert "digits_filters: 2 complete in" in smoke_run.out
    assert list(smoke_run.folder.iterdir()) == []
    assert [path.name for path in scratch.iterdir() if path.name.startswith("search-")] == []
