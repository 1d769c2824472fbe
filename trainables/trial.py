"""What a trial is handed by whoever runs it, and what a trainable declares before it runs.

Plain values and callables only: no Ray, no Optuna, no Keras.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from trainables.errors import ContentDiffers, TrainableError, TrialDiverged

Config = Mapping[str, object]
Metrics = dict[str, float]


@dataclass(frozen=True)
class Growth:
    """How the training set of a trial grows, so that it can be judged before it has cost all of its images.

    Up to the epoch of each step a trial trains on that share of its training images, behind the last one on all.
    """

    steps: tuple[tuple[int, float], ...] = ()
    """(last epoch, share of the training images), both ascending; none: all images from the start."""
    anew: bool = False
    """Whether each step is a whole training from the initial weights; epochs count on through all of them."""

    def share(self, epoch: int) -> float:
        """Share of the training images that `epoch` uses."""
        return next((share for last, share in self.steps if epoch <= last), 1.0)

    def length(self, epochs: int) -> int:
        """Epochs of a whole trial, all trainings included, where one training has `epochs`."""
        return epochs * (len(self.steps) + 1) if self.anew else epochs


ALL_AT_ONCE = Growth()


@dataclass
class Trial:
    """The circumstances of one trial; the trainable registers here how it can be saved.

    The trainable sets `save` before its first yield when it can be continued, and `save_model` and
    `save_predictions` before its last yield when it has a model and predictions to keep.
    """

    seed: int = 0
    """Seed of everything random in the training: initial weights, order of images, dropout, augmentation."""
    split_seed: int = 0
    """The experiment's seed, which alone decides splits and subsets."""
    data_dir: Path | None = None
    """Folder of data sets and weights; None: the cache of Keras."""
    cache_dir: Path | None = None
    """This node's folder for decoded data; None: the default of `trainables.datasets`."""
    cpus: int = 1
    """Cores of this trial: the number of threads that its arithmetic may use."""
    gpus: float = 0.0
    """Share of a GPU, 0 for none."""
    gpu_memory_mib: int | None = None
    """What the trial may take of the memory of each of its GPUs; None where there is none or it is not known."""
    growth: Growth = ALL_AT_ONCE
    """How the training set grows; only a trainable that declares `grows` is handed one with steps."""
    checkpoint: Path | None = None
    """Folder that an earlier `save` wrote; the trial goes on behind the epoch it holds."""
    contents: Mapping[str, str] = field(default_factory=dict)
    """Digests of the data set and of the files with which the search was planned, by name; what is not named may be
    anything."""
    asked: Mapping[str, object] = field(default_factory=dict)
    """`dataset`, `metric` and `mode` of the search; the configuration has them too, unless it has settings of its own
    that are called so."""
    facts: dict[str, str] = field(default_factory=dict)
    """Set by the trainable, before its first yield: words about the trial, each a column of `trials` under its name."""
    save: Callable[[Path], None] | None = None
    """Set by the trainable: writes into a folder what continues the trial behind the last yielded epoch."""
    save_model: Callable[[Path], None] | None = None
    """Set by the trainable: writes the trained model (best weights) to a `.keras` file."""
    save_predictions: Callable[[Path], None] | None = None
    """Set by the trainable: writes the test predictions to a Parquet file."""
    save_classes: Callable[[Path], None] | None = None
    """Set by the trainable: writes what they say of each class to a Parquet file."""

    def check_content(self, name: str, digest: str, where: str) -> None:
        """Raise ContentDiffers where `where` holds another `name` than the one with which the search was planned."""
        if self.contents.get(name, digest) != digest:
            raise ContentDiffers(
                f"{where} is not the {name!r} with which the search was planned; copy the one of the machine where the "
                "search was started, or share its folder."
            )


EXPLODED = 1e6
"""A loss this many times the first epoch's has exploded."""


def check_loss(metrics: Mapping[str, float], epoch: int, first_loss: float | None, metric: str = "loss") -> None:
    """Raise TrialDiverged where a loss, or the `metric` of a search, is no number, or the loss has exploded.

    `first_loss` is that of the first epoch. A loss may be negative (a similarity), and a model may report none.
    """
    for name in dict.fromkeys(("loss", "val_loss", metric)):
        if not math.isfinite(metrics.get(name, 0.0)):
            raise TrialDiverged(f"{name} became {metrics[name]} in epoch {epoch}")
    loss = metrics.get("loss", 0.0)
    if first_loss and abs(loss) > EXPLODED * abs(first_loss):
        raise TrialDiverged(f"loss exploded from {first_loss:.3g} to {loss:.3g} in epoch {epoch}")


@dataclass(frozen=True)
class DatasetInfo:
    """What is known of a data set before it is decoded."""

    name: str
    source: str
    """Where it was found: a path, or the package that embeds it."""
    fingerprint: str
    """Digest that changes when the content does."""
    num_train: int
    """Training images that are left after validation (and, without a published one, test) images are taken."""
    num_validation: int
    num_test: int
    num_classes: int
    """0 where the targets are numbers to come near to."""
    image_shape: tuple[int, int, int] | None
    """(height, width, channels) where all images share it, else None."""
    class_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """Remarks to show once before training: skipped images, images removed because test has them too, ..."""
    published_test: bool = False
    """Whether the test set came with the data; else it was taken from the images by the split seed."""
    published_validation: bool = False
    """Likewise for the validation set."""
    class_counts: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Images of each class, in the order of `class_names`, of the splits `train`, `validation` and `test`."""
    input_shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Of data that are no images: the shape of an example, by the names of the inputs; empty for the only one's."""


Settings = Mapping[str, Sequence[object]]
"""Name of a setting -> the values that it may take: all options of a choice, both bounds of a range."""


def _accept(settings: Settings, dataset: DatasetInfo | None) -> None:
    """Refuse no settings."""


def _no_files(settings: Settings, dataset: DatasetInfo | None, data_dir: Path | None) -> Mapping[str, str]:
    """Trials read no files but data."""
    return {}


@dataclass(frozen=True)
class Declaration:
    """What a trainable tells about itself without importing a training framework (attribute `declaration`)."""

    metrics: frozenset[str] | None = None
    """Names of the metrics that it yields; None: they are seen at its first report."""
    check: Callable[[Settings, DatasetInfo | None], None] = _accept
    """(settings, data set): raises TrainableError for a setting that cannot work."""
    find_dataset: Callable[[str, Path | None, int, Settings], DatasetInfo] | None = None
    """(name, data directory, split seed, settings) -> what the data set holds, divided as the settings say.

    Raises TrainableError, DatasetMissing. None: it takes no data set, or reads what it is given by itself.
    """
    smoke: Mapping[str, object] = field(default_factory=dict)
    """Settings that make a trial as short as it can be."""
    check_files: Callable[[Settings, DatasetInfo | None, Path | None], Mapping[str, str]] = _no_files
    """(settings, data set, data directory) -> digests of the files that trials will read, by the names under which they
    check them; raises TrainableError for a file that is neither there nor to be had."""
    grows: bool = False
    """Whether it follows `Trial.growth`, and then yields `train_images` with every epoch."""


def declaration_of(trainable: object) -> Declaration:
    """What a trainable declares; one that declares nothing has an empty declaration. Raises TrainableError."""
    declared = getattr(trainable, "declaration", Declaration())
    if not isinstance(declared, Declaration):
        raise TrainableError(f"the trainable's `declaration` is {declared!r}; expected a trainables.trial.Declaration.")
    return declared
