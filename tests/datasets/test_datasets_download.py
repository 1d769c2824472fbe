"""Where a data set is looked for, and what is downloaded."""

import io
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from trainables.datasets.arrays.npz import NpzSource
from trainables.datasets.download import PUBLISHERS, Publisher, download, fetch_file
from trainables.datasets.find import find_dataset
from trainables.datasets.locate import KNOWN, keras_cache, locate
from trainables.datasets.photos.source import PhotoSource
from trainables.errors import DatasetMissing, TrainableError


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEARCH_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves a folder; one file is announced longer than it is."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def send_header(self, keyword: str, value: str) -> None:
        """A broken transfer: the announced length is never reached."""
        cut = keyword == "Content-Length" and self.path.endswith("cut.zip")
        super().send_header(keyword, "1000000" if cut else value)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The address of a web server over tmp_path/www."""
    (tmp_path / "www").mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(tmp_path / "www"))) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def write_zip(path: Path) -> None:
    """Thirty small pictures in the layout of Microsoft's cats and dogs, with a licence beside them."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("licence.pdf", b"text")
        for number in range(30):
            file = io.BytesIO()
            PIL.Image.new("RGB", (8, 8), (number * 8, 0, 0)).save(file, "JPEG")
            archive.writestr(f"PetImages/{('Cat', 'Dog')[number % 2]}/{number}.jpg", file.getvalue())


def test_downloaded_archive_is_a_data_set(tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write_zip(tmp_path / "www" / "pets.zip")
    monkeypatch.setitem(PUBLISHERS, "cats_vs_dogs", Publisher(f"{server}/pets.zip", ".zip", fetch_file))
    info = find_dataset("cats_vs_dogs", tmp_path, 0)
    assert info.class_names == ("Cat", "Dog")
    assert info.num_train + info.num_validation + info.num_test == 30
    (tmp_path / "www" / "pets.zip").unlink()
    assert find_dataset("cats_vs_dogs", tmp_path, 0) == info, "the second time nothing is downloaded"


@pytest.mark.parametrize(("file", "reason"), [("none.zip", "404"), ("cut.zip", "bytes arrived"), ("text.zip", "zip")])
def test_download_that_fails_leaves_no_file_and_says_why(tmp_path: Path, server: str, file: str, reason: str) -> None:
    write_zip(tmp_path / "www" / "cut.zip")
    (tmp_path / "www" / "text.zip").write_text("<html>log in first</html>")
    with pytest.raises(DatasetMissing, match=reason):
        download("pets", Publisher(f"{server}/{file}", ".zip", fetch_file), tmp_path / "keras")
    assert [path.name for path in (tmp_path / "keras").iterdir()] == ["pets.lock"]


def test_unreachable_publisher_is_one_line_that_says_what_was_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, publisher in PUBLISHERS.items():
        monkeypatch.setitem(PUBLISHERS, name, Publisher("http://127.0.0.1:9/file", publisher.suffix, publisher.fetch))
        with pytest.raises(DatasetMissing) as caught:
            find_dataset(name, tmp_path, 0)
        message = str(caught.value)
        assert "\n" not in message
        for expected in (f"{name}.npz", f"{name}.tar", str(tmp_path), "http://127.0.0.1:9", "--data-dir"):
            assert expected in message


def test_animals_have_no_address_and_no_stand_in(tmp_path: Path) -> None:
    (tmp_path / "animals5" / "cat").mkdir(parents=True)
    with pytest.raises(DatasetMissing, match=r"data set 'animals' is not at hand.*--data-dir"):
        find_dataset("animals", tmp_path, 0)


def test_unknown_name_is_told_with_the_near_ones(tmp_path: Path) -> None:
    np.savez(tmp_path / "kuzushiji.npz", x=np.zeros(1))
    with pytest.raises(TrainableError, match=r"unknown data set 'mnits'.*Did you mean mnist"):
        find_dataset("mnits", tmp_path, 0)
    with pytest.raises(TrainableError, match="Did you mean kuzushiji"):
        find_dataset("kuzushiji2", tmp_path, 0)
    with pytest.raises(TrainableError) as caught:
        find_dataset("?", None, 0)
    assert all(name in str(caught.value) for name in KNOWN)


def test_folder_that_cannot_be_read_hides_no_near_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    of_any = Path.iterdir

    def iterdir(folder: Path) -> Iterator[Path]:
        if folder.name == "lost+found":
            raise PermissionError(13, "Permission denied")
        return iter(of_any(folder))

    (tmp_path / "lost+found").mkdir()
    (tmp_path / "pets" / "cat").mkdir(parents=True)
    monkeypatch.setattr(Path, "iterdir", iterdir)
    with pytest.raises(TrainableError, match="Did you mean pets"):
        find_dataset("pet", tmp_path, 0)


def test_path_that_does_not_exist_is_no_missing_data_set(tmp_path: Path) -> None:
    for path in (f"{tmp_path}/pets", "pets.tar", "./pets"):
        with pytest.raises(TrainableError, match=f"no data set at {path}") as caught:
            find_dataset(path, tmp_path, 0)
        assert not isinstance(caught.value, DatasetMissing), "an offline fallback must not hide a wrong path"


def test_data_directory_is_looked_through_in_the_documented_order(tmp_path: Path) -> None:
    keras_cache().mkdir(parents=True)
    places = [tmp_path / "pets.npz", tmp_path / "pets", tmp_path / "pets.tar", tmp_path / "pets.tar.gz"]
    for place in (*places, keras_cache() / "pets.npz"):
        place.mkdir() if place.name == "pets" else place.touch()
    for place in places:
        assert locate("pets", tmp_path).where == str(place)
        place.rmdir() if place.is_dir() else place.unlink()
    assert locate("pets", tmp_path) == NpzSource("pets", keras_cache() / "pets.npz")


def test_relative_path_is_looked_for_where_the_command_runs_and_in_the_data_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data" / "sets" / "pets").mkdir(parents=True)
    assert locate("sets/pets", tmp_path / "data") == PhotoSource("sets/pets", tmp_path / "data" / "sets" / "pets")
    monkeypatch.chdir(tmp_path / "data" / "sets")
    assert locate("./pets", None) == PhotoSource("./pets", tmp_path / "data" / "sets" / "pets")


@pytest.mark.skipif(find_spec("tensorflow_datasets") is not None, reason="tensorflow-datasets is installed")
def test_tensorflow_datasets_without_the_package_names_the_extra(tmp_path: Path) -> None:
    with pytest.raises(TrainableError, match=r"pip install keras-search\[tfds\]"):
        find_dataset("tfds:beans", tmp_path, 0)
