"""What a trial is handed by whoever runs it, and what a trainable declares before it runs.

The module holds only plain values and callables: no Ray, no Optuna, no Keras.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from trainables.errors import ContentDiffers, TrainableError, TrialDiverged

Config = Mapping[str, object]
Metrics = dict[str, float]


@dataclass(frozen=True)
class Growth:
    """How the training set of a trial grows, so that the trial can be judged before it has cost all of its images.

    Up to the epoch of each step a trial trains on that share of its training images, and after the last step on all.
    """

    steps: tuple[tuple[int, float], ...] = ()
    """Pairs (last epoch, share of the training images), both ascending; without steps all images are used at once."""
    anew: bool = False
    """Whether each step is a whole training from the initial weights; epochs count on through all trainings."""

    def share(self, epoch: int) -> float:
        """Return the share of the training images that `epoch` uses."""
        return next((share for last, share in self.steps if epoch <= last), 1.0)

    def length(self, epochs: int) -> int:
        """Return the number of epochs of a whole trial, all trainings included, where one training has `epochs`."""
        return epochs * (len(self.steps) + 1) if self.anew else epochs


ALL_AT_ONCE = Growth()


def _ignore(metrics: Mapping[str, float]) -> None:
    """Do nothing with what is known before training."""


@dataclass
class Trial:
    """The circumstances of one trial, where the trainable also registers how the trial can be saved.

    The trainable sets `save` before its first yield when it can be continued, and `save_model` and `save_predictions`
    before its last yield when it has a model and predictions to keep.
    """

    seed: int = 0
    """Seed of everything random in the training: initial weights, order of images, dropout, augmentation."""
    split_seed: int = 0
    """The experiment's seed, which alone decides splits and subsets."""
    data_dir: Path | None = None
    """Folder of data sets and weights; with None it is the cache of Keras."""
    cache_dir: Path | None = None
    """This node's folder for decoded data; with None it is the default of `trainables.datasets`."""
    cpus: int = 1
    """Cores of this trial, which is the number of threads that its arithmetic may use."""
    gpus: float = 0.0
    """Share of a GPU, or a number of GPUs; 0 for none."""
    gpu_memory_mib: int | None = None
    """Memory in MiB that the trial may take of each of its GPUs, or None where there is no GPU or it is not known."""
    growth: Growth = ALL_AT_ONCE
    """How the training set grows; only a trainable that declares `grows` gets one with steps."""
    checkpoint: Path | None = None
    """Folder that an earlier `save` wrote; the trial continues after the epoch that it holds."""
    inherits: bool = False
    """Whether the checkpoint is another trial's: its weights and optimizer go on under the settings of this trial."""
    contents: Mapping[str, str] = field(default_factory=dict)
    """Digests of the data set and of the files with which the search was planned, by name; what is not named here may
    have any content."""
    asked: Mapping[str, object] = field(default_factory=dict)
    """`dataset`, `metric` and `mode` of the search; the configuration has them too, unless it gives these names to
    settings of its own."""
    refits: bool = False
    """Whether validation images are trained on too, when a configuration has been chosen: the training then goes on to
    its last epoch, whose weights are kept, since nothing is left to tell which epoch is the best."""
    facts: dict[str, str] = field(default_factory=dict)
    """Words about the trial, each a column of `trials` under its name; set by the trainable before its first yield."""
    save: Callable[[Path], None] | None = None
    """Writes into a folder what continues the trial after the last yielded epoch; set by the trainable."""
    save_model: Callable[[Path], None] | None = None
    """Writes the trained model, with its best weights, to a `.keras` file; set by the trainable."""
    save_predictions: Callable[[Path], None] | None = None
    """Writes the test predictions to a Parquet file; set by the trainable."""
    save_classes: Callable[[Path], None] | None = None
    """Writes what the test predictions say of each class to a Parquet file; set by the trainable."""

    hear: Callable[[Mapping[str, float]], None] = _ignore
    """Hears what `announce` says; set by whoever runs the trial."""

    def announce(self, metrics: Mapping[str, float]) -> None:
        """Say before the first epoch what is known of the trial by then, like `num_parameters`; what is said adds up.

        Raises ConstraintViolated, which is to be let through, where the search does not want it trained.
        """
        self.hear(metrics)

    def check_content(self, name: str, digest: str, where: str) -> None:
        """Raise ContentDiffers where `where` holds another `name` than the one with which the search was planned."""
        if self.contents.get(name, digest) != digest:
            raise ContentDiffers(
                f"{where} is not the {name!r} with which the search was planned; copy the one of the machine where the "
                "search was started, or share its folder."
            )


EXPLODED = 1e6
"""A loss has exploded when it is this many times the loss of the first epoch, or this where that is below 1: a model
that begins with next to no loss, as one that was trained before may, has not diverged by an ordinary one."""


def check_loss(metrics: Mapping[str, float], epoch: int, first_loss: float | None, metric: str = "loss") -> None:
    """Raise TrialDiverged where a loss, or the search's `metric`, is not a finite number, or the loss has exploded.

    `first_loss` is the loss of the first epoch. A loss may be negative (a similarity), and a model may report none.
    """
    for name in dict.fromkeys(("loss", "val_loss", metric)):
        if not math.isfinite(metrics.get(name, 0.0)):
            raise TrialDiverged(f"{name} became {metrics[name]} in epoch {epoch}")
    loss = metrics.get("loss", 0.0)
    if first_loss is not None and abs(loss) > EXPLODED * max(1.0, abs(first_loss)):
        raise TrialDiverged(f"loss exploded from {first_loss:.3g} to {loss:.3g} in epoch {epoch}")


class LabelForm(StrEnum):
    """How the classes of a data set are written down."""

    NUMBERS = "numbers"
    """One number for each example, shape (examples,); names of classes count as such."""
    COLUMN = "column"
    """One number for each example, shape (examples, 1)."""
    ONE_HOT = "one_hot"
    """A 1 in the place of the class among zeros, shape (examples, classes)."""


class Origin(StrEnum):
    """What the examples of a data set come from."""

    PICTURES = "pictures"
    """Files of pictures, in a folder or an archive."""
    ARRAYS = "arrays"
    """Arrays in a file, in an order of their own."""
    FUNCTION = "function"
    """A function of the space, which gives arrays in an order of its own, or batches."""


@dataclass(frozen=True)
class DatasetInfo:
    """What is known of a data set before it is decoded."""

    name: str
    source: str
    """Where it was found: a path, the package that embeds it, or the name of the function that gives it."""
    fingerprint: str
    """Digest that changes when the content does."""
    num_train: int
    """Number of training images after validation images, and test images unless those were published, are taken."""
    num_validation: int
    num_test: int
    num_classes: int
    """Number of classes, or 0 where the targets are numbers to predict."""
    image_shape: tuple[int, int, int] | None
    """(height, width, channels) where all images share it, else None."""
    class_names: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    """Remarks to show once before training, such as that images were removed because the test set has them too."""
    published_test: bool = False
    """Whether the test set came with the data; if not, the split seed took it from the images."""
    published_validation: bool = False
    """Whether the validation set came with the data; if not, the split seed took it from the training images."""
    class_counts: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Number of images of each class, in the order of `class_names`, by split: `train`, `validation` and `test`."""
    input_shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Shape of one example by the input's name, for data that are not images; the name is empty for a single input."""
    label_form: LabelForm = LabelForm.NUMBERS
    """Form in which the classes were given; a model that is compiled gets them in this form."""
    origin: Origin = Origin.PICTURES


Settings = Mapping[str, Sequence[object]]
"""Names of settings with the values that each may take: all options of a choice, both bounds of a range."""


def _accept(settings: Settings, dataset: DatasetInfo | None) -> None:
    """Accept all settings."""


def _no_remarks(settings: Settings, dataset: DatasetInfo | None, compared: float | None) -> Sequence[str]:
    """Return none."""
    return ()


def _fixed(names: Sequence[str], settings: Settings) -> None:
    """Refuse every change."""
    raise TrainableError(
        "the trainable does not declare that a training can go on under other settings (`check_change`); expected one "
        "that does, or a search without a population."
    )


def _any_names(names: Collection[str]) -> Sequence[str]:
    """Accept all hyperparameters, and tell nothing of them."""
    return ()


def _no_files(settings: Settings, dataset: DatasetInfo | None, data_dir: Path | None) -> Mapping[str, str]:
    """Return no digests, because trials read no files but data."""
    return {}


@dataclass(frozen=True)
class Declaration:
    """What a trainable tells about itself without importing a training framework, as its attribute `declaration`."""

    metrics: frozenset[str] | None = None
    """Names of the metrics that it yields; with None they are learned from its first report."""
    check: Callable[[Settings, DatasetInfo | None], None] = _accept
    """Called with (settings, data set); raises TrainableError for a setting that cannot work."""
    find_dataset: Callable[[str, Path | None, int, Settings], DatasetInfo] | None = None
    """Called with (name, data directory, split seed, settings); returns what the data set holds, and how it is split.

    Raises TrainableError, or DatasetMissing. None is for a trainable that takes no data set, or reads its data by
    itself.
    """
    smoke: Mapping[str, object] = field(default_factory=dict)
    """Settings that make a trial as short as it can be."""
    check_files: Callable[[Settings, DatasetInfo | None, Path | None], Mapping[str, str]] = _no_files
    """Called with (settings, data set, data directory); returns digests of the files that trials will read, by the
    names under which trials check them. Raises TrainableError for a file that is neither there nor to be had."""
    warm_up: Callable[[], None] | None = None
    """Imports what every trial needs, and starts no thread and no device: it is called in a process that is forked
    afterwards. It stands in a module, under its own name. None: each training process imports by itself."""
    open_data: Callable[[str, Path | None, Settings], None] | None = None
    """Called with (name, data directory, settings) in a process of its own, on each node, while the first trials are
    still to come: makes the data ready for all of them, as far as the settings tell which. It stands in a module, under
    its own name. What it raises is left to the trials."""
    check_change: Callable[[Sequence[str], Settings], None] = _fixed
    """Called with names of settings and all settings; raises TrainableError for one that a training cannot go on with
    when it has another value than in the trial whose checkpoint it continues (`Trial.inherits`)."""
    check_names: Callable[[Collection[str]], Sequence[str]] = _any_names
    """Called with the names of all hyperparameters that a HyperModel asks for by itself; returns lines to tell before
    the search of those that are settings of the trainable too. Raises TrainableError for one that must not be."""
    remarks: Callable[[Settings, DatasetInfo | None, float | None], Iterable[str]] = _no_remarks
    """Called with (settings, data set, number of passes through the training images after which trials are first
    compared, None where they are not before their end); returns lines to tell before the search, on settings that can
    be trained and yet may not do what is wanted."""
    remarks_on_momentum: Callable[[float, Settings, DatasetInfo | None, float | None], Iterable[str]] | None = None
    """Called as `remarks`, after the largest momentum of batch normalization in the models that a HyperModel builds."""
    grows: bool = False
    """Whether it follows `Trial.growth`, and then yields `train_images` with every epoch."""
    refits: bool = False
    """Whether it follows `Trial.refits`, and sets `Trial.save_model`."""


def declaration_of(trainable: object) -> Declaration:
    """Return what a trainable declares, an empty declaration where it declares nothing. Raises TrainableError."""
    declared = getattr(trainable, "declaration", Declaration())
    if not isinstance(declared, Declaration):
        raise TrainableError(f"the trainable's `declaration` is {declared!r}; expected a trainables.trial.Declaration.")
    return declared
