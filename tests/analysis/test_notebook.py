"""The notebooks run from start to end, wherever they are opened, and what they store stays small."""

import asyncio
import json
import shutil
from importlib.util import find_spec
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.support.analysis_world import searched, trial, write

ROOT = Path(__file__).parents[2]
FIRST_LOOK, SEARCH, ONNX = "first_look.ipynb", "search_from_a_notebook.ipynb", "keras_to_onnx.ipynb"
# Jupyter's own sockets on the loopback address, open for as long as the kernel runs.
pytestmark = pytest.mark.filterwarnings("ignore:.*zmq.*:ResourceWarning")


def read(name: str) -> nbformat.NotebookNode:
    """A notebook as it is stored."""
    notebook: nbformat.NotebookNode = nbformat.read(ROOT / "analysis" / name, 4)  # type: ignore[no-untyped-call]  # nbformat has no types
    return notebook


def run(name: str, folder: Path) -> nbformat.NotebookNode:
    """A notebook as it is after it ran in a folder; raises where a cell fails."""
    notebook = read(name)
    client = NotebookClient(notebook, timeout=240, resources={"metadata": {"path": str(folder)}})
    asyncio.run(client.async_execute())
    return notebook


def outputs(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The project as it is cloned, without any search."""
    for folder in ("analysis", "spaces"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    return tmp_path


def test_first_look_runs_from_the_root_and_ends_with_a_conclusion(tmp_path: Path) -> None:
    write(tmp_path / "results" / "search", searched(40, repeats=2))
    best_again = [trial(0, 0.9, {"filters": 32})]  # The newest, and nothing to compare.
    write(tmp_path / "results" / "again", best_again, created_at="2099-01-01T00:00:00+00:00")
    notebook = run(FIRST_LOOK, tmp_path)
    told = outputs(notebook)[-1]["text"]
    assert "Best: trial " in told
    assert "inside the noise" in told
    pictures = [output for output in outputs(notebook) if "image/png" in output.get("data", {})]
    tables = [output for output in outputs(notebook) if "text/html" in output.get("data", {})]
    assert len(pictures) >= 3
    assert len(tables) >= 4
    assert not [output for output in outputs(notebook) if output.get("name") == "stderr"]


@pytest.mark.slow
def test_first_look_opened_where_it_lies_makes_a_small_search_itself_without_spaces_beside_it(clone: Path) -> None:
    shutil.rmtree(clone / "spaces")  # They are where the project is installed.
    notebook = run(FIRST_LOOK, clone / "analysis")
    assert [folder.name for folder in (clone / "results").iterdir()] == ["first_look"]
    assert "Best: trial " in outputs(notebook)[-1]["text"]


@pytest.mark.slow
def test_search_from_a_notebook_shows_its_progress_and_goes_on_to_the_analysis(clone: Path) -> None:
    notebook = run(SEARCH, clone)
    (folder,) = (clone / "results").iterdir()
    shown = " ".join(str(output.get("data", {}).get("text/plain", "")) for output in outputs(notebook))
    assert "/8 trials" in shown
    assert f"{folder.name}: " in shown
    assert "Best: trial " in outputs(notebook)[-1]["text"]


def test_both_notebooks_find_the_project_in_one_way() -> None:
    """So that it is enough to run one of them where it lies and the other from the root."""
    wanted = 'if Path.cwd().name == "analysis":  # Opened where it lies: results are beside this folder.\n'
    firsts = [
        next(cell.source for cell in read(name).cells if cell.cell_type == "code") for name in (FIRST_LOOK, SEARCH)
    ]
    assert all(f'{wanted}    os.chdir("..")\n' in first for first in firsts)


@pytest.mark.parametrize("name", [FIRST_LOOK, SEARCH, ONNX])
def test_stored_outputs_are_whole_and_small(name: str) -> None:
    notebook = read(name)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert all(cell.outputs for cell in code[1:])  # The first may be imports alone.
    assert not [output for output in outputs(notebook) if output.output_type == "error"]
    assert (ROOT / "analysis" / name).stat().st_size < 250_000
    told = [{**output.get("data", {"text": output.get("text")}), "image/png": ""} for output in outputs(notebook)]
    assert "/tmp" not in str(told)


@pytest.mark.slow
@pytest.mark.skipif(find_spec("onnxruntime") is None, reason="needs the extra: pip install 'keras-search[onnx]'")
def test_a_tutorial_s_model_is_a_verified_onnx_file_in_under_twenty_lines(tmp_path: Path) -> None:
    notebook = run(ONNX, tmp_path)
    lines = [line for cell in notebook.cells if cell.cell_type == "code" for line in cell.source.split("\n")]
    assert len([line for line in lines if line.strip()]) < 20
    (file,) = tmp_path.glob("results/*/exports/*.onnx")
    said = " ".join(str(output.get("data", {}).get("text/plain", "")) for output in outputs(notebook))
    assert "on 359 images, as measured" in said
    assert json.loads(file.with_name(f"{file.name}.json").read_text())["takes"]["shape"] == ["images", 8, 8, 1]
