"""Photographs in folders, from files on disk to the arrays of a trial."""

import io
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from tests.support.photo_folders import load, photo, write_folder
from trainables.datasets.find import find_dataset
from trainables.datasets.photos.parallel import in_threads
from trainables.errors import TrainableError


def test_every_image_arrives_with_its_class_and_pixels(tmp_path: Path) -> None:
    data = load(write_folder(tmp_path / "pets"))
    assert data.info.class_names == ("cat", "dog")
    assert (len(data.train), len(data.validation), len(data.test)) == (24, 8, 8)
    for row in range(40):
        assert np.array_equal(data.train.images[row], photo(row))
        assert data.train.labels[row] == row // 20


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
    assert "20 images of 'pets' were left out" in data.info.notes[-1]
    assert data.info == find_dataset("pets", tmp_path, 0)


def test_identical_images_of_several_classes_are_told(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "pets")
    for number in (3, 7):
        shutil.copy(root / "cat" / f"00{number}.png", root / "dog" / f"copy{number}.png")
    note = f"4 images of '{root}' are in more than one class, as cat/003.png and dog/copy3.png, which are identical"
    assert note in find_dataset(str(root), None, 0).notes
    images = np.stack([photo(seed) for seed in range(30)] * 2)
    np.savez(tmp_path / "a.npz", x_train=images, y_train=np.arange(60) % 3)  # The copy of image 0 is image 30.
    assert "more than one class" not in str(find_dataset(str(tmp_path / "a.npz"), None, 0).notes)
    np.savez(tmp_path / "b.npz", x_train=images, y_train=np.arange(60) // 30)
    first, _ = find_dataset(str(tmp_path / "b.npz"), None, 0).notes
    assert first.startswith("60 images of")
    assert first.endswith("as number 0 of class '0' and number 30 of class '1', which are identical")


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


LOAD = """
import sys, pathlib, zlib
from trainables.datasets.load import load_data
from trainables.datasets.photos.parallel import in_threads
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
