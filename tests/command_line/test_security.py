"""The promises of docs/security.md: nothing but a space file is run as code, nothing is unpickled."""

import ast
import functools
from pathlib import Path

import numpy as np
import pytest

from trainables.datasets.load import load_data
from trainables.errors import TrainableError
from trainables.trial import Trial

ROOT = Path(__file__).parents[2]
SOURCES = sorted(path for folder in ("search", "trainables", "analysis") for path in (ROOT / folder).rglob("*.py"))
PICKLERS = {"pickle", "cPickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}
RUNS_CODE = {"search/space/loading.py": {"exec", "compile"}}
"""Where a space file is run."""
PACKS = {
    "search/packing.py": {"cloudpickle.dumps"},
    "search/space/loading.py": {"pickle.loads"},
    "search/trial/process.py": {"pickle.dumps"},
    "search/trial/child.py": {"pickle.loads"},
}
"""Where a space that Python gave as an object is packed for the driver's own processes, and unpacked, and where a trial
is, between a worker and its own training process; never a file."""
LOADS_ITS_OWN = ["trainables/own_models/saved_models.py"]
"""Where a trial loads, outside Keras' safe mode, the model that it has itself saved a moment before."""


@functools.cache
def nodes() -> tuple[tuple[str, ast.AST], ...]:
    return tuple(
        (str(path.relative_to(ROOT)), node) for path in SOURCES for node in ast.walk(ast.parse(path.read_text()))
    )


@functools.cache
def calls() -> tuple[tuple[str, str, ast.Call], ...]:
    return tuple((file, ast.unparse(node.func), node) for file, node in nodes() if isinstance(node, ast.Call))


def options(call: ast.Call) -> dict[str | None, str]:
    return {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}


def test_a_pickler_is_imported_only_where_an_object_is_packed_for_our_own_processes() -> None:
    found = {
        file
        for file, node in nodes()
        if (isinstance(node, ast.Import) and PICKLERS & {alias.name.split(".")[0] for alias in node.names})
        or (isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] in PICKLERS)
    }
    assert found == set(PACKS)


@pytest.mark.parametrize("file", PACKS)
def test_what_is_packed_goes_through_memory_and_no_file(file: str) -> None:
    assert {name for at, name, _ in calls() if at == file and name.split(".")[0] in PICKLERS} == PACKS[file]


def test_every_reading_of_an_array_refuses_pickles() -> None:
    loads = [(file, call) for file, name, call in calls() if name in {"np.load", "numpy.load"}]
    assert loads
    assert [file for file, call in loads if options(call).get("allow_pickle") != "False"] == []


def test_no_table_is_read_from_a_pickle() -> None:
    assert [file for file, name, _ in calls() if name.rpartition(".")[2] in {"read_pickle", "to_pickle"}] == []


def test_no_model_but_what_the_trial_has_just_saved_is_loaded_outside_the_safe_mode() -> None:
    unsafe = [file for file, _, call in calls() if options(call).get("safe_mode", "True") != "True"]
    assert unsafe == LOADS_ITS_OWN
    assert [file for file, name, _ in calls() if name.endswith("enable_unsafe_deserialization")] == []


def test_code_is_run_from_a_space_file_only() -> None:
    runners = {(file, name) for file, name, _ in calls() if name in {"exec", "eval", "compile"}}
    assert runners == {(file, name) for file, names in RUNS_CODE.items() for name in names}


def test_no_archive_is_unpacked_and_no_shell_is_started() -> None:
    assert [file for file, name, _ in calls() if name.rpartition(".")[2] in {"extractall", "extract", "system"}] == []
    assert [file for file, _, call in calls() if options(call).get("shell", "False") != "False"] == []


def test_data_set_that_holds_objects_is_refused(tmp_path: Path) -> None:
    images, labels = np.zeros((20, 8, 8), np.uint8), np.arange(20) % 2
    objects = images.astype(object)
    np.savez(tmp_path / "evil.npz", x_train=objects, y_train=labels, x_test=images, y_test=labels)
    with pytest.raises(TrainableError, match=r"evil\.npz"):
        load_data({"dataset": "evil"}, Trial(data_dir=tmp_path, cache_dir=tmp_path / "cache"))
