"""Files and folders that are whole or absent: what a write leaves that fails or is killed, and that it is flushed."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from search.experiment.atomic import write_file, write_folder
from search.experiment.folder import Experiment
from tests.support.small_experiment import SPACE
from trainables.durable import put_in_place

Write = Callable[[Path], None]


def within(path: Path) -> Path:
    """The file at a path, or the one in the folder at that path."""
    return path / "a" if path.is_dir() else path


def holding(text: str) -> Write:
    def write(path: Path) -> None:
        within(path).write_text(text)

    return write


def break_off(path: Path) -> None:
    within(path).write_text("half")
    raise OSError("no space left")


@pytest.mark.parametrize("put", [write_file, write_folder])
def test_a_write_that_fails_leaves_what_was_there_and_nothing_else(
    put: Callable[[Path, Write], None], tmp_path: Path
) -> None:
    target = tmp_path / "x.keras"
    put(target, holding("first"))
    with pytest.raises(OSError, match="no space"):
        put(target, break_off)
    assert (within(target).read_text(), list(tmp_path.iterdir())) == ("first", [target])
    put(target, holding("second"))
    assert within(target).read_text() == "second"


def put_by_rename(path: Path, write: Write) -> None:
    partial = path.with_name("partial")
    write(partial)
    put_in_place(partial, path)


@pytest.mark.parametrize("put", [write_file, write_folder, put_by_rename])
def test_content_is_flushed_before_the_rename_and_the_folder_behind_it(
    put: Callable[[Path, Write], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flush = os.fsync
    flushed: list[tuple[Path, bool]] = []

    def fsync(descriptor: int) -> None:
        flushed.append((Path(f"/proc/self/fd/{descriptor}").readlink(), (tmp_path / "x").exists()))
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    put(tmp_path / "x", holding("content"))
    *content, folder = flushed
    assert content
    assert not any(renamed for _, renamed in content)
    assert folder == (tmp_path, True)


def test_a_driver_removes_what_killed_writers_left_behind(tmp_path: Path) -> None:
    root = tmp_path / "e"
    for path in (
        root / "models" / ".tmp-12-00001.keras",
        root / "checkpoints" / "00000" / ".tmp-12-000001" / "weights",
    ):
        path.parent.mkdir(parents=True)
        path.write_text("half")
    Experiment.create(root, SPACE, "space = None\n", {"name": "e"}).close()
    assert [path.name for path in root.rglob("*") if path.name.startswith(".tmp-")] == []
