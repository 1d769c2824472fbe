"""The errors of a trainable that its user can mend."""

from collections.abc import Mapping
from typing import ClassVar


class TrainableError(Exception):
    """One line for the user says what happened, what was expected, and what to do."""


class DatasetMissing(TrainableError):
    """A data set is neither on disk nor to be had from the network; an offline data set may take its place."""


class FileMissing(TrainableError):
    """A file other than data is neither on disk nor to be had; a smoke run takes the settings `instead`."""

    instead: ClassVar[Mapping[str, object]] = {}


class ContentDiffers(TrainableError):
    """Data or weights are not those with which the search was planned, so this node must not train on them."""


class TrialDiverged(TrainableError):
    """The loss became NaN, infinite or exploded; the trial has failed, but the search goes on and counts no fault."""


class ConstraintViolated(TrainableError):
    """What is known of the trial before its first epoch violates a constraint of the search: it is not trained."""
