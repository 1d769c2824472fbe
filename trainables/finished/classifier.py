"""A stored model that names the class of a picture, which it prepares as the pictures of its training were.

Importing this module loads no framework, as is so for everything that is used beside a search.
"""

from __future__ import annotations

import sys
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables.datasets.containers.folder import Folder
from trainables.datasets.names import is_text, is_visible, reason, shown
from trainables.datasets.photos.layout import IMAGE_SUFFIXES
from trainables.datasets.photos.picture import picture, silent_pillow, why_unreadable
from trainables.datasets.photos.resize import pixels, resized
from trainables.engines.runtime import configure
from trainables.errors import TrainableError

_BY_HAND = "Load it with trainables.image_classifier.load_model and call it yourself."
BATCH = 128
"""Number of pictures that a model is given at once."""


@dataclass(frozen=True)
class Classifier:
    """A model that classifies pictures, and what it takes."""

    model: Any
    """Keras model of pixels 0 to 255, which its own layers scale."""
    size: tuple[int, int]
    """Height and width of the pictures that it takes."""
    channels: int
    """Number of channels: 1 for grey pictures, 3 for coloured ones."""
    logits: bool
    """Whether the model ends in front of its softmax or sigmoid."""

    @property
    def classes(self) -> int:
        """Number of classes that it tells apart; one output alone tells two."""
        return max(2, int(self.model.output_shape[1]))

    def probabilities(self, images: NDArray[Any]) -> NDArray[np.float32]:
        """Return probabilities, shape (images, classes), for pixels of shape (images, height, width, channels)."""
        return self.of_outputs(self.model.predict(images, batch_size=BATCH, verbose=0))

    def of_outputs(self, outputs: Any) -> NDArray[np.float32]:
        """Return probabilities, shape (images, classes), from outputs of the model, or of a copy in another format."""
        from trainables.engines.contract import as_probabilities  # noqa: PLC0415  # needs TensorFlow, see above

        return as_probabilities(outputs, logits=self.logits)


@dataclass(frozen=True)
class Classified:
    """What a classifier says of one file."""

    file: str
    probabilities: NDArray[np.float32] | None
    """Probabilities of the classes, shape (classes,), or None where the file cannot be read."""
    error: str = ""
    """Reason why the file cannot be read; empty where it can."""


def open_classifier(
    path: Path, load: Callable[[Path], Any], cpus: int, size: tuple[int, int] | None = None
) -> Classifier:
    """Return the model of a `.keras` file; raises TrainableError where it does not take pictures and tell classes.

    `load` makes the model from the file. `size` is the size of the pictures where the model takes any.
    """
    if "tensorflow" not in sys.modules:  # A process that has begun with it keeps its threads.
        configure(cpus)
    from trainables.own_models.endings import gives_logits  # noqa: PLC0415  # needs TensorFlow, see above

    try:
        model = load(path)
    except (zipfile.BadZipFile, KeyError, EOFError) as error:  # A damaged archive, or one of something else.
        raise TrainableError(
            f"{path} is no whole .keras file ({reason(error)}); expected one as Keras writes it."
        ) from None
    try:
        shape, outputs = model.input_shape, model.output_shape
    except AttributeError:  # As with any model of a class of the user's.
        raise TrainableError(
            f"the model of {path} is of the class {type(model).__name__}, which does not say what it takes; "
            f"expected a sequential or functional one. {_BY_HAND}"
        ) from None
    if not isinstance(shape, tuple) or len(shape) != 4 or not isinstance(outputs, tuple) or len(outputs) != 2:
        raise TrainableError(
            f"the model of {path} takes {shape} and gives {outputs}; expected (batch, height, width, channels) of "
            f"pictures and (batch, classes). {_BY_HAND}"
        )
    found = (shape[1] or (size or (0, 0))[0], shape[2] or (size or (0, 0))[1])
    if not all(found):
        raise TrainableError(f"the model of {path} takes pictures of any size; expected image_size in its search.")
    return Classifier(model, found, shape[3], gives_logits(model, found))


def pictures_in(folder: Path) -> tuple[list[Path], tuple[str, ...]]:
    """Return the pictures below a folder, those that a data set would have, and sentences on links not followed.

    Raises TrainableError for a folder that cannot be listed.
    """
    listing = Folder(folder).listing()
    visible = (path for path in map(PurePosixPath, listing.files) if is_visible(path.parts))
    return sorted(folder / path for path in visible if path.suffix.lower() in IMAGE_SUFFIXES), listing.notes


def classified(classifier: Classifier, files: Sequence[Path]) -> Iterator[Classified]:
    """Yield what the classifier says of image files, in their order.

    The images are turned upright, made white where they are transparent, and resized.
    """
    for start in range(0, len(files), BATCH):
        read = [_read(file, classifier) for file in files[start : start + BATCH]]
        images = [image for image in read if not isinstance(image, str)]
        found = iter(classifier.probabilities(np.stack(images)) if images else ())
        for file, image in zip(files[start : start + BATCH], read, strict=True):
            if isinstance(image, str):
                yield Classified(_name(file), None, image)
            else:
                yield Classified(_name(file), next(found))


def _name(file: Path) -> str:
    """Return the path as a table can hold it."""
    return str(file) if is_text(str(file)) else shown(str(file))


def _read(file: Path, classifier: Classifier) -> NDArray[np.uint8] | str:
    """Return the pixels of a file, or the reason why it cannot be read."""
    if file.exists() and not file.is_file():
        return "a pipe or a device and no file"  # To open one could wait for ever.
    try:
        with silent_pillow():
            return resized(pixels(picture(file.read_bytes(), grey=classifier.channels == 1)), classifier.size)
    except Exception as error:  # Files and Pillow's decoders raise dozens of types for what is broken.
        return why_unreadable(error)
