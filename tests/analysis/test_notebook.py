"""The notebook runs from start to end, on results that it has never seen, and what it stores stays small."""

import asyncio
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.support.analysis_world import searched, write

NOTEBOOK = Path(__file__).parents[2] / "analysis" / "first_look.ipynb"
# Jupyter's own sockets on the loopback address, open for as long as the kernel runs.
pytestmark = pytest.mark.filterwarnings("ignore:.*zmq.*:ResourceWarning")


def read() -> nbformat.NotebookNode:
    """The notebook as it is stored."""
    notebook: nbformat.NotebookNode = nbformat.read(NOTEBOOK, 4)  # type: ignore[no-untyped-call]  # nbformat has no types
    return notebook


def outputs(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def test_notebook_runs_and_ends_with_a_conclusion(tmp_path: Path) -> None:
    write(tmp_path / "results" / "search", searched(40, repeats=2))
    notebook = read()
    client = NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(tmp_path)}})
    asyncio.run(client.async_execute())  # Raises where a cell fails.
    told = outputs(notebook)[-1]["text"]
    assert "Best: trial " in told
    assert "inside the noise" in told
    pictures = [output for output in outputs(notebook) if "image/png" in output.get("data", {})]
    tables = [output for output in outputs(notebook) if "text/html" in output.get("data", {})]
    assert len(pictures) >= 3
    assert len(tables) >= 4
    assert not [output for output in outputs(notebook) if output.get("name") == "stderr"]


def test_stored_outputs_are_whole_and_small() -> None:
    notebook = read()
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert all(cell.outputs for cell in code)
    assert not [output for output in outputs(notebook) if output.output_type == "error"]
    assert NOTEBOOK.stat().st_size < 250_000
    assert "/tmp" not in NOTEBOOK.read_text()
