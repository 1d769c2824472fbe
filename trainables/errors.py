"""The errors of a trainable that its user can mend."""

from collections.abc import Mapping
from typing import ClassVar


class TrainableError(Exception):
    """One line for the user: what happened, what was expected, what to do."""


class DatasetMissing(TrainableError):
    """A data set that is neither on disk nor to be had from the network: an offline fallback may take its place."""


class FileMissing(TrainableError):
    """A file other than data that is neither on disk nor to be had; a smoke run takes the settings `instead`."""

    instead: ClassVar[Mapping[str, object]] = {}


class ContentDiffers(TrainableError):
    """Data or weights that are not those with which the search was planned: this node must not train on them."""


class TrialDiverged(TrainableError):
    """The loss became NaN, infinite or exploded: the trial failed; the search goes on and counts it as no fault."""
