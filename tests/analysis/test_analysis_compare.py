"""The command line of the tables."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from analysis.command import run
from analysis.compare import compare
from analysis.wording.formats import Table
from analysis.wording.terminal import for_terminal
from tests.support.analysis_world import searched, trial, write

Output = pytest.CaptureFixture[str]


def test_table_goes_to_the_terminal_or_to_a_file(tmp_path: Path, capsys: Output) -> None:
    root = write(tmp_path / "a", searched(12))
    compare([str(root), "--by", "filters,kernel_size", "--format", "markdown"])
    shown = capsys.readouterr().out
    assert shown.startswith("| filters | kernel_size | configurations |")
    output = tmp_path / "tables" / "a.md"
    compare([str(root), "--by", "filters", "--by", "kernel_size", "--format", "markdown", "--output", str(output)])
    assert output.read_text() == shown


def test_without_an_argument_the_experiments_are_listed_newest_first(
    tmp_path: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "results" / "older", searched(12))
    write(tmp_path / "results" / "newer", searched(3), state="interrupted")
    write(tmp_path / "results" / "killed", searched(3), state="running")
    (write(tmp_path / "results" / "torn", []) / "manifest.json").write_text("{")
    monkeypatch.chdir(tmp_path)
    compare([])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[2:6]] == ["torn", "killed", "newer", "older"]
    assert "unreadable" in lines[2]
    assert "cut off" in lines[3]
    assert "interrupted" in lines[4]
    assert "val_accuracy" in lines[5]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nothing"], "no experiment at nothing"),
        ([], "no experiments in results; make one"),
        (["a", "--by", "filter"], "Did you mean filters"),
        (["a", "--top", "0"], "expected a number of rows"),
        (["a", "--by", "configuration", "--sort", "number"], "leave out --sort"),
        (["a", "--output", "a/space.py/x"], "cannot be written"),
    ],
)
def test_what_a_user_can_mend_is_one_line_and_exit_code_2(
    tmp_path: Path, capsys: Output, monkeypatch: pytest.MonkeyPatch, words: list[str], told: str
) -> None:
    write(tmp_path / "a", searched(5))
    monkeypatch.chdir(tmp_path)
    assert run(compare, words) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("columns", [90, 100, 120])
def test_on_a_terminal_a_table_fits_its_width_and_says_which_columns_do_not(
    tmp_path: Path, columns: int, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write(tmp_path / "a", [trial(n, 0.9, {"filters": n, "kernel_size": 3 + n}) for n in range(6)])
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(columns))
    compare([str(root), "--sort", "num_parameters"])
    told = capsys.readouterr().out
    assert max(map(len, told.splitlines())) <= columns
    head = told.splitlines()[0].split()
    assert {"number", "filters", "val_accuracy", "num_parameters"} <= set(head)
    left_out = told.partition("Too wide for this terminal: ")[2].partition(";")[0].replace("\n", " ").split(", ")
    assert {"best_epoch", "test_loss"} <= set(left_out)
    assert not set(left_out) & set(head)


def test_a_narrow_terminal_keeps_a_setting_and_the_column_of_its_name_apart() -> None:
    columns = {
        "trial": [1],
        "val_loss": [0.5],
        "epochs": [3],
        "config.learning_rate_of_all": [0.1],
        "config.epochs": [8],
    }
    told = for_terminal(Table(pd.DataFrame(columns), ()), 54)
    assert told.split("\n")[0].split() == ["trial", "epochs", "learning_rate_of_all", "config.epochs"]
    assert "Too wide for this terminal: val_loss;" in told


def test_to_a_pipe_all_columns_are_written(tmp_path: Path, capsys: Output) -> None:
    compare([str(write(tmp_path / "a", searched(12)))])
    told = capsys.readouterr().out
    assert "test_accuracy 95 %" in told.splitlines()[0]
    assert "Too wide" not in told


def test_command_reads_a_search_without_ray_and_keras(tmp_path: Path) -> None:
    root = write(tmp_path / "a", searched(5))
    code = (
        "import sys; from analysis.compare import compare; compare(sys.argv[1:]); "
        "assert not {'ray', 'optuna', 'tensorflow', 'keras', 'matplotlib'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(root)], capture_output=True, text=True, check=True)
    assert "Best: trial" in done.stdout
