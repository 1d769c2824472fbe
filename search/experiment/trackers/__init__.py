"""Writes a search into what people follow experiments with, TensorBoard and MLflow, from the rows of its tables."""

from search.experiment.trackers.names import TRACKERS, check_installed
from search.experiment.trackers.tracking import Tracking, track

__all__ = ["TRACKERS", "Tracking", "check_installed", "track"]
