"""Photographs in folders and archives, from files on disk to the arrays of a trial."""

import io
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from numpy.typing import NDArray

from trainables.data import Data
from trainables.datasets.find import find_dataset
from trainables.datasets.load import load_data
from trainables.datasets.parallel import in_threads
from trainables.errors import TrainableError
from trainables.trial import Trial


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEARCH_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))


def photo(seed: int, height: int = 12, width: int = 16, channels: int = 3) -> NDArray[np.uint8]:
    """A smooth random picture, as JPEG keeps it."""
    coarse = np.random.default_rng(seed).integers(0, 256, (3, 4, channels), np.uint8)
    return np.asarray(PIL.Image.fromarray(coarse.squeeze()).resize((width, height), PIL.Image.Resampling.BICUBIC))


def write_folder(root: Path, num: int = 20, classes: tuple[str, ...] = ("cat", "dog"), first_seed: int = 0) -> Path:
    """`num` different PNG pictures of 12x16 in each class folder."""
    for label, name in enumerate(classes):
        (root / name).mkdir(parents=True)
        for number in range(num):
            seed = first_seed + label * num + number
            PIL.Image.fromarray(photo(seed)).save(root / name / f"{number:03d}.png")
    return root


def load(path: Path | str, data_dir: Path | None = None, **settings: object) -> Data:
    return load_data({"dataset": str(path), **settings}, Trial(data_dir=data_dir))


def pack(folder: Path, target: Path) -> Path:
    """The folder as an archive of the kind that the target's suffix names."""
    if target.suffix == ".zip":
        with zipfile.ZipFile(target, "w") as archive:
            for path in sorted(folder.rglob("*"), reverse=True):
                archive.write(path, path.relative_to(folder.parent))
    else:
        with tarfile.open(target, "w:gz" if target.suffix in (".gz", ".tgz") else "w") as tar:
            tar.add(folder, folder.name)
    return target


def test_every_image_arrives_with_its_class_and_pixels(tmp_path: Path) -> None:
    data = load(write_folder(tmp_path / "pets"))
    assert data.info.class_names == ("cat", "dog")
    assert (len(data.train), len(data.validation), len(data.test)) == (24, 8, 8)
    for row in range(40):
        assert np.array_equal(data.train.images[row], photo(row))
        assert data.train.labels[row] == row // 20


@pytest.mark.parametrize("suffix", [".tar", ".tar.gz", ".tgz", ".zip"])
def test_archive_is_the_same_data_set_as_its_folder(tmp_path: Path, suffix: str) -> None:
    folder = write_folder(tmp_path / "pets")
    archive = pack(folder, tmp_path / f"pets{suffix}")
    expected, found = load(folder, image_size=10), load(archive, image_size=10)
    assert found.info.fingerprint == expected.info.fingerprint
    assert np.array_equal(found.test.index, expected.test.index)
    assert found.train.images is expected.train.images, "one content and size is decoded once"


def test_archive_is_decoded_row_by_row_like_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_folder(tmp_path / "pets", num=70)
    expected = np.array(load(folder).train.images)
    for suffix in (".tar", ".tgz", ".zip"):
        monkeypatch.setenv("SEARCH_CACHE_DIR", str(tmp_path / f"cache{suffix}"))
        assert np.array_equal(load(pack(folder, tmp_path / f"pets{suffix}")).train.images, expected)


def test_results_of_threads_come_in_the_order_of_the_items() -> None:
    def slow_now_and_then(number: int) -> int:
        time.sleep(0.002 if number % 50 == 0 else 0)
        return number

    assert list(in_threads(slow_now_and_then, range(500))) == list(range(500))


def test_published_folders_keep_their_test_set(tmp_path: Path) -> None:
    write_folder(tmp_path / "pets" / "train", num=30)
    write_folder(tmp_path / "pets" / "test", num=10, first_seed=500)
    data = load("pets", tmp_path)
    assert (len(data.train), len(data.validation), len(data.test)) == (50, 10, 20)
    assert np.array_equal(data.test.take()[0][0], photo(500))


def test_images_that_the_test_set_holds_too_are_left_out_of_training_and_told(tmp_path: Path) -> None:
    write_folder(tmp_path / "pets" / "train", num=30)
    write_folder(tmp_path / "pets" / "test", num=10)  # the seeds 0 to 19, which are the first cats of training
    data = load("pets", tmp_path)
    assert len(data.test) == 20
    assert len(data.train) + len(data.validation) == 40
    assert "20 images of 'pets' were left out" in data.info.notes[0]
    assert data.info == find_dataset("pets", tmp_path, 0)


def test_pictures_are_resized_with_antialiasing(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "pets")
    stripes = np.tile(np.array([0, 255], np.uint8), (40, 20))  # one pixel wide: without averaging all 0 or all 255
    PIL.Image.fromarray(stripes).save(root / "cat" / "000.png")
    image = load(root, image_size=10).train.images[0]
    assert image.shape == (10, 10, 3)
    assert (np.abs(image.astype(int) - 127) < 20).all()


def test_size_is_height_and_width(tmp_path: Path) -> None:
    assert load(write_folder(tmp_path / "pets"), image_size=(6, 9)).train.images.shape == (40, 6, 9, 3)


def test_camera_orientation_is_applied(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "pets")
    exif = PIL.Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise
    picture = PIL.Image.fromarray(np.ascontiguousarray(np.rot90(photo(0))))
    picture.save(root / "cat" / "000.png", exif=exif)
    data = load(root)
    assert data.info.image_shape == (12, 16, 3)
    assert np.array_equal(data.train.images[0], photo(0))


def test_grey_pictures_keep_one_channel_and_mixed_ones_get_three(tmp_path: Path) -> None:
    root = tmp_path / "pets"
    for number in range(20):
        folder = root / ("cat", "dog")[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        PIL.Image.fromarray(photo(number, channels=1)).save(folder / f"{number}.png")
    assert load(root).train.images.shape == (20, 12, 16, 1)
    PIL.Image.fromarray(photo(99)).save(root / "cat" / "99.png")
    assert load(root).train.images.shape == (21, 12, 16, 3)


@pytest.mark.parametrize("mode", ["RGBA", "P", "LA", "CMYK", "I;16", "1"])
def test_every_mode_of_picture_becomes_colours(tmp_path: Path, mode: str) -> None:
    root = write_folder(tmp_path / "pets")
    grey = PIL.Image.fromarray(photo(0)).convert("L")
    deep = PIL.Image.fromarray(np.asarray(grey).astype(np.uint16) * 256)
    odd = deep if mode == "I;16" else grey.convert(mode)
    (root / "cat" / "000.png").unlink()
    odd.save(root / "cat" / f"000.{'tif' if mode == 'CMYK' else 'png'}")
    image = load(root).train.images[0]
    expected = np.asarray((grey if mode == "I;16" else odd).convert("RGB"))
    assert np.array_equal(image, expected)


def test_transparent_parts_become_white(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "pets")
    PIL.Image.new("RGBA", (16, 12), (0, 0, 0, 0)).save(root / "cat" / "000.png")
    assert (load(root).train.images[0] == 255).all()


def test_few_unreadable_images_are_listed_and_skipped(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "pets", num=50)
    (root / "cat" / "003.png").write_bytes(b"no picture")
    whole = (root / "dog" / "007.png").read_bytes()
    (root / "dog" / "007.png").write_bytes(whole[: len(whole) // 2])
    (root / "dog" / "008.png").unlink()
    (root / "dog" / "008.png").symlink_to("nowhere.png")
    info = find_dataset(str(root), None, 0)
    assert info.num_train + info.num_validation + info.num_test == 97
    assert info.notes[0].startswith("3 of 100 images of")
    assert all(name in info.notes[0] for name in ("cat/003.png (no known", "dog/007.png (", "dog/008.png (No such"))
    assert load(root).info == info


def test_truncated_jpeg_is_unreadable(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "pets", num=50)
    file = io.BytesIO()
    PIL.Image.fromarray(photo(0, 240, 320)).save(file, "JPEG")
    (root / "cat" / "cut.jpg").write_bytes(file.getvalue()[:-200])
    assert "cat/cut.jpg (image file is truncated" in find_dataset(str(root), None, 0).notes[0]


def test_too_many_unreadable_images_are_refused(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "pets")
    for number in range(3):
        (root / "cat" / f"{number:03d}.png").write_bytes(b"")
    with pytest.raises(TrainableError, match=r"3 of 40 images .* cannot be read; expected at most 5%.*cat/000\.png"):
        find_dataset(str(root), None, 0)


def test_class_too_small_for_three_splits_is_named(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "pets")
    write_folder(root / "rare", num=2, classes=(".",), first_seed=900)
    with pytest.raises(TrainableError, match=r"class 'rare' of .* \(2 images in all\) is missing from the training"):
        find_dataset(str(root), None, 0)


def test_images_of_several_sizes_need_an_image_size(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "pets")
    PIL.Image.fromarray(photo(0, 30, 40)).save(root / "cat" / "000.png")
    assert find_dataset(str(root), None, 0).image_shape is None
    with pytest.raises(TrainableError, match="from 12x16 to 30x40"):
        load(root)
    assert load(root, image_size=12).train.images.shape == (40, 12, 12, 3)


def test_changed_image_changes_the_fingerprint_and_is_decoded(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "pets")
    before = load(root)
    PIL.Image.fromarray(photo(777)).save(root / "cat" / "000.png")
    after = load(root)
    assert after.info.fingerprint != before.info.fingerprint
    assert np.array_equal(after.train.images[0], photo(777))
    assert np.array_equal(before.train.images[0], photo(0))


def evil_tar(path: Path, member: tarfile.TarInfo) -> None:
    """A sound data set with one member that reaches outside."""
    root = write_folder(path.parent / "pets")
    with tarfile.open(path, "w") as archive:
        archive.add(root, "pets")
        file = io.BytesIO()
        PIL.Image.fromarray(photo(5)).save(file, "PNG")
        member.size = len(file.getvalue()) if member.isreg() else 0
        archive.addfile(member, io.BytesIO(file.getvalue()))


@pytest.mark.parametrize("name", ["../../escaped.png", "/tmp/escaped.png", "pets/cat/../../../escaped.png"])
def test_tar_with_a_path_that_leads_outside_is_refused(tmp_path: Path, name: str) -> None:
    evil_tar(tmp_path / "evil.tar", tarfile.TarInfo(name))
    before = sorted(tmp_path.rglob("*.png"))
    with pytest.raises(TrainableError, match="leads outside of the archive"):
        find_dataset("evil", tmp_path, 0)
    assert sorted(tmp_path.rglob("*.png")) == before


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_tar_with_a_link_or_a_device_is_refused(tmp_path: Path, kind: bytes) -> None:
    member = tarfile.TarInfo("pets/cat/link.png")
    member.type, member.linkname = kind, "/etc/passwd"
    evil_tar(tmp_path / "evil.tar", member)
    with pytest.raises(TrainableError, match=r"holds 'pets/cat/link\.png', which is a link or a device"):
        find_dataset("evil", tmp_path, 0)


@pytest.mark.parametrize("is_link", [True, False])
def test_zip_with_a_link_or_a_path_that_leads_outside_is_refused(tmp_path: Path, is_link: bool) -> None:
    archive = pack(write_folder(tmp_path / "pets"), tmp_path / "evil.zip")
    member = zipfile.ZipInfo("pets/cat/link.png" if is_link else "../escaped.png")
    member.external_attr = (0o120777 if is_link else 0o100644) << 16
    with zipfile.ZipFile(archive, "a") as file:
        file.writestr(member, "/etc/passwd")
    with pytest.raises(TrainableError, match="which is a link" if is_link else "leads outside"):
        find_dataset("evil", tmp_path, 0)


def test_broken_archive_is_one_line(tmp_path: Path) -> None:
    whole = pack(write_folder(tmp_path / "pets"), tmp_path / "whole.tar").read_bytes()
    (tmp_path / "text.tar").write_text("no archive")
    (tmp_path / "cut.tar").write_bytes(whole[: len(whole) * 2 // 3 + 100])
    zipped = pack(tmp_path / "pets", tmp_path / "whole.tgz").read_bytes()
    (tmp_path / "cut2.tgz").write_bytes(zipped[: len(zipped) // 2])
    for name in ("text", "cut", "cut2"):
        with pytest.raises(TrainableError) as caught:
            find_dataset(name, tmp_path, 0)
        assert "\n" not in str(caught.value)
        assert name in str(caught.value)


LOAD = """
import sys, pathlib, zlib
from trainables.datasets.load import load_data
from trainables.datasets.parallel import in_threads
from trainables.trial import Trial
data = load_data({"dataset": sys.argv[2], "image_size": 32}, Trial(data_dir=pathlib.Path(sys.argv[1])))
print(zlib.crc32(data.train.images.tobytes()), data.info.num_train)
"""


def test_processes_that_load_at_once_see_the_same_and_decode_once(tmp_path: Path) -> None:
    write_folder(tmp_path / "pets", num=100)
    command = [sys.executable, "-c", LOAD, str(tmp_path), "pets"]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    outputs = {process.communicate()[0] for process in processes}
    assert len(outputs) == 1
    assert outputs.pop().endswith(" 120\n")
    assert sorted(path.name.split("-")[0] for path in (tmp_path / "cache").iterdir()) == [
        "catalogue",
        "images",
        "locks",
    ]
