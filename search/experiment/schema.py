"""The columns of `trials` and `epochs`: names, types, units and meanings, which others rely on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.fs as pafs

from search.experiment.parts import TableRead, read_parts
from search.space import Choice, Space
from search.space.values import text_of

TRIALS, EPOCHS = "trials", "epochs"
CONFIG_PREFIX = "config."
TRIAL_KEY, EPOCH_KEY = ("trial_id",), ("trial_id", "epoch")

TEXT, WHOLE, NUMBER, TIME = pa.string(), pa.int64(), pa.float64(), pa.timestamp("us", tz="UTC")
YES_NO = pa.bool_()


@dataclass(frozen=True)
class Column:
    """One column; `unit` is empty for texts and plain numbers."""

    name: str
    kind: pa.DataType
    unit: str
    meaning: str

    def field(self) -> pa.Field:
        """Return the column as a field whose metadata hold `unit` and `meaning`."""
        return pa.field(self.name, self.kind, metadata=metadata(self.unit, self.meaning))


def metadata(unit: str, meaning: str) -> dict[str, str]:
    """Return the metadata of a field, without a unit where it has none."""
    return {**({"unit": unit} if unit else {}), "meaning": meaning}


def shown(column: str) -> str:
    """Return a column's name as it is shown: a setting without its prefix."""
    return column.removeprefix(CONFIG_PREFIX)


def headings(columns: Iterable[str]) -> dict[str, str]:
    """Return what stands above each column of one table: what `shown` gives, and the prefix where names would be equal.

    A searched `epochs` is a limit, and the column `epochs` says how many were trained: both stand in a table.
    """
    names = list(columns)
    return {name: name if shown(name) != name and shown(name) in names else shown(name) for name in names}


IDENTITY = (
    Column("trial_id", TEXT, "", "Name of the trial in all tables, folders and logs; that of a repeat is its own."),
    Column("number", WHOLE, "", "Number of the configuration, from 0 in the order of proposal; repeats share it."),
    Column("state", TEXT, "", "complete, pruned (ended by the stopping rule), failed, or running."),
    Column("error", TEXT, "", "Why a failed trial failed, in one line."),
    Column("space", TEXT, "", "Stem of the space file."),
    Column("dataset", TEXT, "", "Name of the data set that was used, which may be the offline one."),
    Column("seed", WHOLE, "", "Seed of the trial: of its weights and of what is random in its epochs."),
    Column("repeat_of", TEXT, "", "trial_id of the first run of the same configuration; null for a first run."),
)
OUTCOME = (
    Column("epochs", WHOLE, "epochs", "Epochs that were trained."),
    Column("best_epoch", WHOLE, "epoch from 1", "Epoch with the best value of the metric; metrics are those of it."),
    Column("loss", NUMBER, "", "Training loss at the best epoch."),
    Column("accuracy", NUMBER, "share", "Training accuracy at the best epoch, measured while the weights changed."),
    Column("val_loss", NUMBER, "", "Loss on the validation images at the best epoch."),
    Column("val_accuracy", NUMBER, "share", "Accuracy on the validation images at the best epoch."),
    Column("test_loss", NUMBER, "", "Loss on the test images, once, at the end of a complete trial; chooses nothing."),
    Column("test_accuracy", NUMBER, "share", "Accuracy on the test images, likewise."),
    Column("baseline_accuracy", NUMBER, "share", "Test accuracy of always answering the most frequent class."),
    Column("num_parameters", WHOLE, "parameters", "Parameters of the model, frozen ones included."),
    Column("num_trainable_parameters", WHOLE, "parameters", "Parameters that were trained."),
    Column("sample_size", WHOLE, "images", "Training images that the trial had; where they grew, in its last epoch."),
    Column("started_at", TIME, "UTC", "When the trial's first work began."),
    Column("finished_at", TIME, "UTC", "When the driver heard of its end; its worker may be in the next by then."),
    Column("train_seconds", NUMBER, "s", "Time in its epochs where the trainable tells it, else from start to end."),
    Column("wait_seconds", NUMBER, "s", "From the proposal to the trial's first work."),
    Column("node", TEXT, "", "Address of the node that trained it last."),
    Column("worker", TEXT, "", "Training process that trained it last: node and process id."),
    Column("log", TEXT, "", "File of the trial's own output, relative to the experiment's folder."),
)
GROWING = (
    Column("training_share", NUMBER, "share", "Part of its training images on which the trial ended, where they grow."),
)
LINEAGE = (
    Column("parent", TEXT, "", "trial_id of the trial whose training it goes on with, in a population; null without."),
    Column("parent_epoch", WHOLE, "epoch from 1", "Last epoch of that training which is the parent's."),
)
WORDS = (
    Column("engine", TEXT, "", "What trained it: a compiled program, or Keras' own fit."),
    Column("engine_reason", TEXT, "", "Why fit trained it, and whether it begins anew when it is cut off, in words."),
    Column("data_fingerprint", TEXT, "", "Of the arrays that a data function gave; null for batches of its own."),
)
GOALS = (
    Column(
        "on_front",
        YES_NO,
        "",
        "Of a complete first run: no other one that keeps the constraints is at least as good in all objectives and "
        "better in one, as the mean over seeds. Written when a search with several objectives ends or is interrupted.",
    ),
    Column("violates", TEXT, "", "Constraints that the trial violates, with its values; null where it violates none."),
)
EPOCH_COLUMNS = (
    Column("trial_id", TEXT, "", "Trial of the epoch."),
    Column("epoch", WHOLE, "epoch from 1", "Number of the epoch; goes on through a second stage."),
    Column("stage", WHOLE, "", "Stage of a training in two stages: 1, or 2 with more layers unfrozen."),
    Column("loss", NUMBER, "", "Training loss, the mean over the epoch."),
    Column("accuracy", NUMBER, "share", "Training accuracy, the mean over the epoch."),
    Column("val_loss", NUMBER, "", "Loss on the validation images after the epoch."),
    Column("val_accuracy", NUMBER, "share", "Accuracy on the validation images after the epoch."),
    Column("learning_rate", NUMBER, "", "Learning rate in the epoch."),
    Column("seconds", NUMBER, "s", "Time of the epoch with its validation; that of a new program holds its tracing."),
    Column("train_images", WHOLE, "images", "Training images of the epoch, where they grow from rung to rung."),
)
SETTING = "Setting of the configuration; null where it is inactive."
OWN = "Yielded by the trainable under this name."


def described(schema: pa.Schema, known: Sequence[Column]) -> pa.Schema:
    """Return a table's schema with the meaning of every column in its metadata, those of trainables' own included."""
    columns = {column.name: column for column in known}
    fields = []
    for field in schema:
        column = columns.get(field.name)
        other = SETTING if field.name.startswith(CONFIG_PREFIX) else OWN
        fields.append(field.with_metadata(metadata(column.unit, column.meaning) if column else metadata("", other)))
    return pa.schema(fields, schema.metadata)


def as_markdown(columns: Sequence[Column]) -> str:
    """Return the columns as a table of the documentation."""
    kinds = {TEXT: "text", WHOLE: "whole number", NUMBER: "number", TIME: "time", YES_NO: "yes or no"}
    rows = [f"| `{c.name}` | {kinds[c.kind]} | {c.unit or '–'} | {c.meaning} |" for c in columns]
    return "\n".join(["| column | type | unit | meaning |", "| --- | --- | --- | --- |", *rows])


_ARROW = {"double": pa.float64(), "int64": pa.int64(), "bool": pa.bool_(), "string": pa.string()}


def trial_schema(space: Space) -> pa.Schema:
    """Return the columns of `trials.parquet`: `config.<parameter>` is null where the parameter is inactive.

    Metrics and words of the trainable (WORDS) beyond these are appended under their own names; `log` names the file
    of a trial's own output, relative to the experiment folder, where there is one.
    """
    configs = []
    if space.declared:
        configs = [(CONFIG_PREFIX + name, _ARROW[p.column_type()]) for name, p in space.parameters.items()]
    settings = [pa.field(*config, metadata=metadata("", SETTING)) for config in configs]
    return pa.schema([*(c.field() for c in IDENTITY), *settings, *(c.field() for c in OUTCOME)])


def stored_trial_fields() -> list[pa.Field]:
    """The columns of `trials.parquet` that are the same for every space."""
    return [column.field() for column in (*IDENTITY, *OUTCOME, *GROWING, *GOALS, *LINEAGE, *WORDS)]


def epoch_schema() -> pa.Schema:
    """Return the columns of `epochs.parquet`, which has a row for each epoch of each trial."""
    return pa.schema([column.field() for column in EPOCH_COLUMNS])


def with_meanings(schema: pa.Schema, table: str) -> pa.Schema:
    """Return the schema of one of the two tables with the meaning of each column in its metadata."""
    known = EPOCH_COLUMNS if table == EPOCHS else (*IDENTITY, *OUTCOME, *GROWING, *GOALS, *LINEAGE, *WORDS)
    return described(schema, known)


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
