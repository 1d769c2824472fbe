"""A space file from any folder, run from its text: on the driver and in any other process."""

import pickle
import sys
import time
import traceback
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path

import pytest

from search.errors import SearchError
from search.space import Choice, Space
from search.space.loading import SpaceFile, read_space, space_of
from search.trial.messages import SearchContext, TrialSpec
from search.trial.runner import TrialRunner

HEAD = "from search.space import Choice, Space\n"
OWN = f"""{HEAD}
def train(config, trial):
    yield {{"loss": 1 / config["x"]}}
space = Space(train, {{"x": Choice(0, 1)}}, metric="loss")
"""


@pytest.fixture(autouse=True)
def import_path(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Leaves the path and the modules of this process as they were."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if name.startswith(("space_", "neighbour")):
            del sys.modules[name]


def write(folder: Path, text: str, name: str = "given.py") -> str:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    return str(folder / name)


def loaded(path: str) -> Space:
    return space_of(read_space(path))


def test_question_is_the_first_line_of_the_docstring(tmp_path: Path) -> None:
    assert read_space(write(tmp_path, f'"""Which x?\n\nMore."""\n{OWN}')).question == "Which x?"
    assert read_space(write(tmp_path, OWN)).question == ""


def test_file_saved_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    (tmp_path / "given.py").write_bytes(b"\xef\xbb\xbf" + OWN.encode())
    assert list(loaded(str(tmp_path / "given.py")).parameters) == ["x"]


def test_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "given.py").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SearchError, match=r"given\.py cannot be read: .* Expected a Python file in UTF-8"):
        space_of(read_space(str(tmp_path / "given.py")))


def test_file_with_a_null_byte_is_refused_without_the_number_of_a_line(tmp_path: Path) -> None:
    with pytest.raises(SearchError, match=r"given\.py is not Python: .*null bytes"):
        space_of(read_space(write(tmp_path, f"{OWN}\0")))


def test_notebook_is_refused_with_the_command_that_makes_a_file_of_it(tmp_path: Path) -> None:
    (tmp_path / "given.ipynb").write_text('{"cells": []}')
    with pytest.raises(SearchError, match=r"is a notebook; .* jupyter nbconvert --to script"):
        space_of(read_space(str(tmp_path / "given.ipynb")))


def test_space_imports_its_neighbours(tmp_path: Path) -> None:
    write(tmp_path, "OPTIONS = (1, 2)\n", "neighbour_of_it.py")
    text = OWN.replace("Choice(0, 1)", "Choice(*OPTIONS)").replace(HEAD, f"{HEAD}from neighbour_of_it import OPTIONS\n")
    assert loaded(write(tmp_path, text)).parameters["x"].values() == (1, 2)


def test_neighbour_hides_no_module_of_others(tmp_path: Path) -> None:
    for name in ("colorsys.py", "search.py", "optuna.py"):
        write(tmp_path, "raise RuntimeError('hidden')\n", name)
    assert list(loaded(write(tmp_path, f"import colorsys, optuna\n{OWN}")).parameters) == ["x"]


def test_files_of_one_name_in_two_folders_are_two_spaces(tmp_path: Path) -> None:
    first = loaded(write(tmp_path / "a", OWN))
    second = loaded(write(tmp_path / "b", OWN.replace("Choice(0, 1)", "Choice(3, 4)")))
    assert (first.parameters["x"].values(), second.parameters["x"].values()) == ((0, 1), (3, 4))


def test_class_of_a_space_file_can_be_pickled(tmp_path: Path) -> None:
    text = "from dataclasses import dataclass\n\n@dataclass(frozen=True)\nclass Point:\n    x: int\n"
    space = loaded(write(tmp_path, text + OWN.replace('1 / config["x"]', "Point(2).x")))
    point = space.trainable.__globals__["Point"](2)
    assert pickle.loads(pickle.dumps(point)) == point


def test_traceback_shows_the_line_as_it_was_run_though_the_file_has_changed(tmp_path: Path) -> None:
    path = write(tmp_path, OWN)
    space = loaded(path)
    Path(path).write_text("# nothing\n" * 9)
    with pytest.raises(ZeroDivisionError) as raised:
        list(space.trainable({"x": 0}, None))
    text = "".join(traceback.format_exception(raised.value))
    assert f'File "{path}", line 4, in train\n    yield {{"loss": 1 / config["x"]}}' in text


def test_space_that_cannot_be_loaded_on_a_node_fails_its_trials_with_the_reason(tmp_path: Path) -> None:
    space_file = SpaceFile(str(tmp_path / "given.py"), f"import only_on_the_driver\n{OWN}")
    runner = TrialRunner(
        SearchContext(
            space_file=space_file,
            import_path=tuple(sys.path),
            experiment=str(tmp_path),
            metric="loss",
            mode="min",
            split_seed=0,
            data_dir=None,
            rungs=(),
        ),
        "here",
    )
    runner.begin(TrialSpec("00000", {"x": 1}, seed=0, proposed_at=time.monotonic()))
    end = None
    while end is None:
        end = runner.proceed().end
    runner.close()
    assert end.state == "failed"
    assert end.error == f"{space_file.path}, line 1: ModuleNotFoundError: No module named 'only_on_the_driver'"
    assert "Traceback" in end.traceback


@pytest.mark.parametrize(
    "values", ['{"x": Choice(Kind.A, Kind.B)}, ', '{"x": Choice(1, 2)}, fixed={"y": ((Kind.A,),)}, ']
)
def test_value_of_a_class_of_the_space_file_is_refused_since_no_worker_knows_it(tmp_path: Path, values: str) -> None:
    own = "import enum\nclass Kind(enum.Enum):\n    A = 1\n    B = 2\n"
    with pytest.raises(SearchError, match=r"may be <Kind.A: 1>, which is made of a class or function of the space"):
        space_of(read_space(write(tmp_path, own + OWN.replace('{"x": Choice(0, 1)}, ', values))))


def test_value_of_a_class_of_a_neighbour_is_refused_since_no_worker_finds_that_module(tmp_path: Path) -> None:
    (tmp_path / "kinds_beside_it.py").write_text("import enum\nclass Kind(enum.Enum):\n    A = 1\n    B = 2\n")
    text = OWN.replace("Choice(0, 1)", "Choice(*Kind)").replace(HEAD, f"{HEAD}from kinds_beside_it import Kind\n")
    with pytest.raises(SearchError, match=r"may be <Kind.A: 1>, .* or of a module beside it"):
        space_of(read_space(write(tmp_path, text)))


def test_value_of_a_class_of_a_neighbour_that_is_installed_in_place_is_an_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Installed:
        """Finds a package where it lies, as installers of packages under development have it."""

        def find_spec(self, name: str, path: object, target: object = None) -> ModuleSpec | None:
            there = tmp_path / "kinds_in_place.py"
            return spec_from_file_location(name, there) if name == there.stem else None

    (tmp_path / "kinds_in_place.py").write_text("import enum\nclass Kind(enum.Enum):\n    A = 1\n    B = 2\n")
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Installed()])
    text = OWN.replace("Choice(0, 1)", "Choice(*Kind)").replace(HEAD, f"{HEAD}from kinds_in_place import Kind\n")
    space = space_of(read_space(write(tmp_path, text)))
    assert isinstance(space.parameters["x"], Choice)
    assert [str(option) for option in space.parameters["x"].options] == ["Kind.A", "Kind.B"]
