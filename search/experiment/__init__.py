"""The experiment folder: its layout, manifest, Parquet tables and atomic writes. Plain files, no pickle."""

from search.experiment.folder import Experiment, find_experiments, is_experiment, occupied
from search.experiment.manifest import read_manifest, write_manifest
from search.experiment.parts import PartWriter, TableRead, read_parts
from search.experiment.schema import (
    CONFIG_PREFIX,
    EPOCH_KEY,
    EPOCHS,
    TRIAL_KEY,
    TRIALS,
    epoch_schema,
    read_epochs,
    read_trials,
    trial_schema,
)

__all__ = [
    "CONFIG_PREFIX",
    "EPOCHS",
    "EPOCH_KEY",
    "TRIALS",
    "TRIAL_KEY",
    "Experiment",
    "PartWriter",
    "TableRead",
    "epoch_schema",
    "find_experiments",
    "is_experiment",
    "occupied",
    "read_epochs",
    "read_manifest",
    "read_parts",
    "read_trials",
    "trial_schema",
    "write_manifest",
]
