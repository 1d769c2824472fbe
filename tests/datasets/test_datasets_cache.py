"""The node's cache: written once, rebuilt when torn, bounded, and safe among processes."""

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from trainables.datasets.cache import cached, default_cache_dir, is_whole, make_room, open_array
from trainables.datasets.load import load_data, open_data
from trainables.datasets.progress import Progress
from trainables.errors import TrainableError
from trainables.trial import Trial


class Builder:
    """Writes one array of the given size and counts how often it had to."""

    def __init__(self, num_bytes: int = 1000, value: int = 7) -> None:
        self.num_bytes, self.value, self.num_calls = num_bytes, value, 0

    def __call__(self, folder: Path) -> None:
        self.num_calls += 1
        np.save(folder / "images.npy", np.full(self.num_bytes, self.value, np.uint8))


def run_python(program: str, *arguments: object, **options: object) -> "subprocess.Popen[str]":
    return subprocess.Popen(  # type: ignore[call-overload,no-any-return]
        [sys.executable, "-c", program, *map(str, arguments)], text=True, stdout=subprocess.PIPE, **options
    )


def test_entry_is_built_once_and_opened_as_a_map(tmp_path: Path) -> None:
    build = Builder()
    entries = [cached(tmp_path, "a", build) for _ in range(3)]
    array = open_array(entries[0], "images")
    assert build.num_calls == 1
    assert isinstance(array, np.memmap)
    assert not array.flags.writeable
    assert (array == 7).all()


@pytest.mark.parametrize("num_bytes", [1000, 5_000_000])
@pytest.mark.parametrize("damage", ["cut", "zeroed", "removed", "no manifest"])
def test_torn_entry_is_built_again(tmp_path: Path, num_bytes: int, damage: str) -> None:
    build = Builder(num_bytes)
    file = cached(tmp_path, "a", build) / "images.npy"
    if damage == "cut":
        os.truncate(file, num_bytes // 2)
    elif damage == "zeroed":
        file.write_bytes(file.read_bytes()[: num_bytes // 2].ljust(file.stat().st_size, b"\0"))
    elif damage == "removed":
        file.unlink()
    else:
        (file.parent / "manifest.json").unlink()
    assert not is_whole(file.parent)
    entry = cached(tmp_path, "a", build)
    assert build.num_calls == 2
    assert (open_array(entry, "images") == 7).all()


def test_map_of_a_torn_entry_that_was_rebuilt_stays_readable(tmp_path: Path) -> None:
    build = Builder(5_000_000)
    entry = cached(tmp_path, "a", build)
    before = open_array(entry, "images")
    (entry / "manifest.json").write_text("{")
    assert (open_array(cached(tmp_path, "a", build), "images") == before).all()


CONCURRENT = """
import sys, time, pathlib, numpy as np
from trainables.datasets.cache import cached, open_array
def build(folder):
    with (pathlib.Path(sys.argv[1]) / "builds").open("a") as file:
        file.write("x")
    for part in range(5):
        np.save(folder / f"{part}.npy", np.full(100_000, part, np.uint8))
        time.sleep(0.05)
print("ready", flush=True)
sys.stdin.readline()
entry = cached(pathlib.Path(sys.argv[1]), "a", build)
print(sum(int(open_array(entry, str(part)).sum()) for part in range(5)))
"""


def test_processes_that_ask_at_once_build_once_and_see_the_same(tmp_path: Path) -> None:
    processes = [run_python(CONCURRENT, tmp_path, stdin=subprocess.PIPE) for _ in range(5)]
    assert [process.stdout.readline() for process in processes if process.stdout] == ["ready\n"] * 5
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [process.communicate()[0] for process in processes] == ["1000000\n"] * 5
    assert (tmp_path / "builds").read_text() == "x"


HANGING = """
import sys, time, pathlib
from trainables.datasets.cache import cached
def build(folder):
    (folder / "images.npy").write_bytes(b"half")
    print("building", flush=True)
    time.sleep(60)
cached(pathlib.Path(sys.argv[1]), "a", build)
"""


def test_builder_that_is_killed_leaves_nothing_that_is_taken_for_whole(tmp_path: Path) -> None:
    process = run_python(HANGING, tmp_path)
    assert process.stdout is not None
    assert process.stdout.readline() == "building\n"
    process.send_signal(signal.SIGKILL)
    process.communicate()
    build = Builder()
    assert (open_array(cached(tmp_path, "a", build), "images") == 7).all()
    assert build.num_calls == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "locks"]


BUILD_AND_LEAVE = """
import sys, pathlib
from trainables.datasets.cache import cached
for key in sys.argv[2:]:
    cached(pathlib.Path(sys.argv[1]), key, lambda folder: (folder / "images.npy").write_bytes(bytes(400_000)))
if "wait" in sys.argv:
    print("ready", flush=True)
    sys.stdin.read()
"""


def test_oldest_entries_leave_first_when_the_limit_is_reached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEARCH_CACHE_GB", "0.001")
    run_python(BUILD_AND_LEAVE, tmp_path, "old", "middle").communicate()
    now = time.time()
    for age, key in ((200, "old"), (100, "middle")):
        os.utime(tmp_path / key / "manifest.json", (now - age, now - age))
    cached(tmp_path, "new", Builder(400_000), expected_bytes=400_000)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["locks", "middle", "new"]


def test_entry_in_use_by_a_process_is_not_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEARCH_CACHE_GB", "0.0001")
    process = run_python(BUILD_AND_LEAVE, tmp_path, "used", "wait", stdin=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    make_room(tmp_path, 0)
    assert is_whole(tmp_path / "used")
    process.communicate("")
    make_room(tmp_path, 0)
    assert not (tmp_path / "used").exists()


def test_process_that_opens_many_entries_lets_go_of_the_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(30):
        cached(tmp_path, f"size-{number:02d}", Builder())
    monkeypatch.setenv("SEARCH_CACHE_GB", "0.000000001")
    make_room(tmp_path, 0)
    assert sorted(path.name for path in tmp_path.glob("size-*")) == [f"size-{number:02d}" for number in range(14, 30)]


class Terminal(io.StringIO):
    """What is written to a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("stream", "is_shown"), [(Terminal(), True), (io.StringIO(), False)])
def test_progress_is_drawn_on_a_terminal_only(
    monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, is_shown: bool
) -> None:
    monkeypatch.setattr("sys.stderr", stream)
    monkeypatch.setattr("trainables.datasets.progress._FIRST_S", 0.0)
    with Progress("decoding pets", 40) as progress:
        for _ in range(40):
            progress.advance()
    assert ("40 of 40 images" in stream.getvalue()) == is_shown
    assert bool(stream.getvalue()) == is_shown


def test_disk_without_room_is_one_line_that_names_the_folder(tmp_path: Path) -> None:
    with pytest.raises(TrainableError, match=r"needs 1000000000\.0 GB in .*SEARCH_CACHE_DIR") as caught:
        cached(tmp_path, "a", Builder(), expected_bytes=10**18)
    assert str(tmp_path) in str(caught.value)


def test_cache_that_cannot_be_written_names_the_variable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(TrainableError, match="SEARCH_CACHE_DIR"):
        cached(tmp_path / "file", "a", Builder())


@pytest.mark.parametrize("value", ["much", "0", "-3", "nan"])
def test_limit_that_is_no_positive_number_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("SEARCH_CACHE_GB", value)
    with pytest.raises(TrainableError, match=f"SEARCH_CACHE_GB is '{value}'"):
        cached(tmp_path, "a", Builder())


def test_cache_folder_follows_the_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SEARCH_CACHE_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert default_cache_dir() == Path("/somewhere/keras-search")
    monkeypatch.setenv("SEARCH_CACHE_DIR", "/elsewhere")
    assert default_cache_dir() == Path("/elsewhere")


@pytest.mark.parametrize(("sizes", "decoded"), [((8,), ["8x8"]), (((6, 7),), ["6x7"]), (None, ["8x8"]), ((8, 9), [])])
def test_data_are_made_ready_where_the_settings_leave_one_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sizes: tuple[object, ...] | None, decoded: list[str]
) -> None:
    monkeypatch.setenv("SEARCH_CACHE_DIR", str(tmp_path))
    open_data("digits", None, {"sample_size": (100,)} | ({} if sizes is None else {"image_size": sizes}))
    entries = [path.name for path in tmp_path.glob("images-*")]
    assert [name.split("-")[-1].removesuffix("x1") for name in entries] == decoded
    load_data({"dataset": "digits", "image_size": sizes[0] if sizes else None}, Trial())
    assert len(entries) in (0, len([*tmp_path.glob("images-*")]))
