"""The columns of `trials` and `epochs`: names and types that others rely on."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.fs as pafs

from search.experiment.parts import TableRead, read_parts
from search.space import Choice, Space
from search.space.values import text_of

TRIALS, EPOCHS = "trials", "epochs"
TRIAL_KEY, EPOCH_KEY = ("trial_id",), ("trial_id", "epoch")
CONFIG_PREFIX = "config."

_TIME = pa.timestamp("us", tz="UTC")

_TRIAL_FIELDS = (
    ("trial_id", pa.string()),
    ("number", pa.int64()),
    ("state", pa.string()),
    ("error", pa.string()),
    ("space", pa.string()),
    ("dataset", pa.string()),
    ("seed", pa.int64()),
    ("repeat_of", pa.string()),
)
_RESULT_FIELDS = (
    ("epochs", pa.int64()),
    ("best_epoch", pa.int64()),
    ("loss", pa.float64()),
    ("accuracy", pa.float64()),
    ("val_loss", pa.float64()),
    ("val_accuracy", pa.float64()),
    ("test_loss", pa.float64()),
    ("test_accuracy", pa.float64()),
    ("baseline_accuracy", pa.float64()),
    ("num_parameters", pa.int64()),
    ("num_trainable_parameters", pa.int64()),
    ("sample_size", pa.int64()),
    ("started_at", _TIME),
    ("finished_at", _TIME),
    ("train_seconds", pa.float64()),
    ("wait_seconds", pa.float64()),
    ("node", pa.string()),
    ("worker", pa.string()),
    ("log", pa.string()),
)
_EPOCH_FIELDS = (
    ("trial_id", pa.string()),
    ("epoch", pa.int64()),
    ("stage", pa.int64()),
    ("loss", pa.float64()),
    ("accuracy", pa.float64()),
    ("val_loss", pa.float64()),
    ("val_accuracy", pa.float64()),
    ("learning_rate", pa.float64()),
    ("seconds", pa.float64()),
)

_ARROW = {"double": pa.float64(), "int64": pa.int64(), "bool": pa.bool_(), "string": pa.string()}


def trial_schema(space: Space) -> pa.Schema:
    """Return the columns of `trials.parquet`: `config.<parameter>` is null where the parameter is inactive.

    Metrics beyond these are appended under their own names; `log` names the file of a trial's own output,
    relative to the experiment folder, where there is one.
    """
    configs = []
    if space.declared:
        configs = [(CONFIG_PREFIX + name, _ARROW[p.column_type()]) for name, p in space.parameters.items()]
    return pa.schema([pa.field(*field) for field in (*_TRIAL_FIELDS, *configs, *_RESULT_FIELDS)])


def epoch_schema() -> pa.Schema:
    """Return the columns of `epochs.parquet`, which has a row for each epoch of each trial."""
    return pa.schema([pa.field(*field) for field in _EPOCH_FIELDS])


def config_value(space: Space, name: str, value: object) -> object:
    """A setting as its column stores it: text where options are mixed or no plain value."""
    if not space.declared or name not in space.parameters:
        return value if isinstance(value, (bool, int, float, str)) or value is None else text_of(value)
    parameter = space.parameters[name]
    kind = parameter.column_type()
    if isinstance(parameter, Choice) and kind == "string":
        return parameter.text(value)
    if value is None:
        return None
    return float(value) if kind == "double" else value  # type: ignore[arg-type]  # a number, as its column type says


def read_trials(root: str | Path, filesystem: pafs.FileSystem | None = None) -> TableRead:
    """Read the latest row of each trial."""
    return read_parts(root, TRIALS, TRIAL_KEY, filesystem)


def read_epochs(root: str | Path, filesystem: pafs.FileSystem | None = None) -> TableRead:
    """Read the latest row of each epoch of each trial."""
    return read_parts(root, EPOCHS, EPOCH_KEY, filesystem)
