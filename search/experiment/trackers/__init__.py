"""Writes a search, from the rows of its tables, into what people follow experiments with: TensorBoard, MLflow, W&B."""

from search.experiment.trackers.names import TRACKERS
from search.experiment.trackers.tracking import Tracking, check_ready, track

__all__ = ["TRACKERS", "Tracking", "check_ready", "track"]
