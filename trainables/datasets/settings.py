"""The settings of a configuration that concern the data, and the errors of those that cannot work."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trainables.datasets.catalogue import Size
from trainables.datasets.splits import CARVED_FRACTION
from trainables.errors import TrainableError
from trainables.setting_table import Setting, check_settings, number, optional, whole
from trainables.trial import DatasetInfo

_LARGEST_SIDE = 4096


def _is_side(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= _LARGEST_SIDE


def _is_image_size(value: object) -> bool:
    if isinstance(value, tuple | list):
        return len(value) == 2 and all(_is_side(side) for side in value)
    return value is None or _is_side(value)


def _is_sample_size(value: object) -> bool:
    return value in (None, "all") or (isinstance(value, int) and not isinstance(value, bool) and value >= 1)


DATA_SETTINGS = {
    "image_size": Setting(_is_image_size, f"pixels of a side from 1 to {_LARGEST_SIDE}, (height, width), or None"),
    "sample_size": Setting(_is_sample_size, "a number of training images from 1, 'all' or None"),
    "evaluation_size": optional(whole(1)),  # Largest number of validation and of test images; None for all.
    "validation_fraction": optional(number(0, 1, above=True, below=True)),
    "test_fraction": optional(number(0, 1, above=True, below=True)),
}


def check_data_settings(settings: Mapping[str, Sequence[object]], info: DatasetInfo | None) -> None:
    """Raise TrainableError for values (name -> the values it may take) that no data, or not this data, can satisfy."""
    check_settings({name: values for name, values in settings.items() if name in DATA_SETTINGS}, DATA_SETTINGS)
    fractions = _extremes(settings)
    if fractions["validation"] + fractions["test"] >= 1:
        raise TrainableError(
            f"validation_fraction {fractions['validation']:g} and test_fraction {fractions['test']:g} leave no image "
            "to train on; expected a sum below 1. Make one smaller."
        )
    if info is not None:
        _check_against(settings, fractions, info)


def image_size_of(value: object) -> Size | None:
    """Return (height, width) of a checked `image_size`."""
    if value is None:
        return None
    height, width = (value, value) if isinstance(value, int) else (value[0], value[1])  # type: ignore[index]
    return int(height), int(width)


def sample_size_of(value: object) -> int | None:
    """Return the number of training images of a checked `sample_size`, or None for all."""
    return value if isinstance(value, int) else None


def check_sample_size(size: int | None, num_train: int, num_classes: int, name: str) -> None:
    """Raise TrainableError for a sample that the training images cannot give."""
    if size is not None and size > num_train:
        raise TrainableError(
            f"sample_size is {size:,} and '{name}' has {num_train:,} training images; "
            f"expected at most {num_train:,}, or 'all'."
        )
    if size is not None and size < num_classes:
        raise TrainableError(
            f"sample_size is {size} and '{name}' has {num_classes} classes; "
            "expected at least one training image of each."
        )


def fractions_of(settings: Mapping[str, Sequence[object]]) -> tuple[float | None, float | None]:
    """Return the shares of validation and test that all trials have and the data allow; None stands for the default."""
    validation, test = (
        float(values[0]) if len(values) == 1 and isinstance(values[0], int | float) and 0 < values[0] < 1 else None
        for values in (settings.get(f"{part}_fraction", ()) for part in ("validation", "test"))
    )
    possible = (validation or CARVED_FRACTION) + (test or CARVED_FRACTION) < 1
    return (validation, test) if possible else (None, None)


def check_fractions(settings: Mapping[str, Sequence[object]], info: DatasetInfo) -> None:
    """Raise TrainableError for the fraction of a split that came with the data."""
    for split, is_published in (("validation", info.published_validation), ("test", info.published_test)):
        if is_published and any(value is not None for value in settings.get(f"{split}_fraction", ())):
            raise TrainableError(
                f"{split}_fraction is set and '{info.name}' comes with a {split} set, which stays the {split} set; "
                f"expected no fraction. Remove {split}_fraction."
            )


def _extremes(settings: Mapping[str, Sequence[object]]) -> dict[str, float]:
    """Return the largest fraction that may be asked for of each split, 0 where none is."""
    return {
        part: max((float(v) for v in settings.get(f"{part}_fraction", ()) if isinstance(v, int | float)), default=0.0)
        for part in ("validation", "test")
    }


def _check_against(settings: Mapping[str, Sequence[object]], fractions: Mapping[str, float], info: DatasetInfo) -> None:
    check_fractions(settings, info)
    num_train = _least_training_images(fractions, info)
    for value in settings.get("sample_size", ()):
        check_sample_size(sample_size_of(value), num_train, info.num_classes, info.name)
    if info.input_shapes:
        check_no_image_size(settings, info.name)
    elif info.image_shape is None and None in settings.get("image_size", (None,)):
        raise TrainableError(
            f"the images of '{info.name}' differ in size and image_size is not given; expected one size for all. "
            "Add image_size, for example 150, to `fixed`."
        )


def check_no_image_size(settings: Mapping[str, Sequence[object]], name: str) -> None:
    """Raise TrainableError where arrays are to be resized."""
    if any(value is not None for value in settings.get("image_size", ())):
        raise TrainableError(f"image_size is set and '{name}' gives arrays, which stay as they are. Remove image_size.")


def _least_training_images(fractions: Mapping[str, float], info: DatasetInfo) -> int:
    """Return the training images that are left at the largest fractions asked for, apart from removed duplicates."""
    if not any(fractions.values()):
        return info.num_train
    total = info.num_train + (0 if info.published_validation else info.num_validation)
    if info.published_test:
        return total - round(total * fractions["validation"])
    total += info.num_test
    carved = [] if info.published_validation else [fractions["validation"] or CARVED_FRACTION]
    return total - sum(round(total * fraction) for fraction in (*carved, fractions["test"] or CARVED_FRACTION))
