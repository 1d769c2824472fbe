"""Reads one experiment's folder, near or far: its manifest, its tables as frames, its stored predictions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.fs as pafs
import pyarrow.parquet as pq

from analysis.stored.casts import checked
from analysis.stored.journal import searched_ranges
from analysis.stored.manifest import DatasetEntry, Manifest, SpaceEntry
from search.errors import SearchError
from search.experiment.parts import TableRead
from search.experiment.remote.store import reason
from search.experiment.schema import CONFIG_PREFIX, read_epochs, read_trials

MOST_CLASSES = 10_000
"""Number of classes that there may be; a larger label is not a class number."""


@dataclass(frozen=True)
class StoredExperiment:
    """One experiment: where it is, what it is called in tables, and its manifest."""

    address: str
    """Address as given: a local path, or an address like `s3://bucket/results/name`."""
    name: str
    manifest: Manifest
    files: pafs.FileSystem
    root: str
    """Path of the folder within `files`."""

    @property
    def space(self) -> SpaceEntry:
        """The manifest's entry of the space: metric, mode, parameters."""
        return self.manifest.space

    @cached_property
    def declared(self) -> Mapping[str, Any]:
        """The parameters as the manifest declares them; for a define-by-run space, as its study's journal shows
        them."""
        return self.space.parameters or searched_ranges(self.files, self.root)

    @property
    def dataset(self) -> DatasetEntry | None:
        """The manifest's entry of the data set, or None where there is none."""
        return self.manifest.dataset


@dataclass(frozen=True)
class Tables:
    """One table of all sources, their rows one source below the other."""

    frame: pd.DataFrame
    skipped: tuple[str, ...]
    """Names of the files that could not be read."""
    wrong: tuple[str, ...]
    """Sentences on what was left out of the other files."""


def read_tables(sources: tuple[StoredExperiment, ...], name: str) -> Tables:
    """Return the table `trials` or `epochs` of all sources; raises SearchError where a place cannot be reached."""
    frames, skipped, wrong = [], list[str](), list[str]()
    for source in sources:
        read = _read(source, name)
        skipped += [f"{source.address}/{path}" for path in read.skipped]
        table, found = checked(read.table, name, source.space.metric) if read.table.num_columns else (read.table, [])
        wrong += [f"{source.name}: {sentence}." for sentence in found]
        if len(table):
            frame = _frame(table, source.name, alone=len(sources) == 1)
            frames.append(_with_fixed(frame, source) if name == "trials" else frame)
    whole = _joined(frames) if frames else pd.DataFrame({"key": [], "experiment": []})
    return Tables(whole, tuple(skipped), tuple(wrong))


def _with_fixed(frame: pd.DataFrame, source: StoredExperiment) -> pd.DataFrame:
    """Return the trials with their fixed settings as columns, so that experiments can be compared by them."""
    fixed = source.space.fixed
    missing = {CONFIG_PREFIX + name: value for name, value in fixed.items() if CONFIG_PREFIX + name not in frame}
    plain = {n: v if isinstance(v, (bool, int, float, str, type(None))) else repr(v) for n, v in missing.items()}
    return frame.assign(**plain)


def _joined(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """Return frames below each other; a setting that is text in one and a number in another becomes text."""
    if len(frames) == 1:
        return frames[0]
    if "epoch" in frames[0]:
        keys = pd.api.types.union_categoricals([frame["key"] for frame in frames])
        whole = pd.concat([frame.drop(columns="key") for frame in frames], ignore_index=True)
        return whole.assign(key=keys)
    whole = pd.concat(frames, ignore_index=True)
    for name in whole.columns:
        if name.startswith(CONFIG_PREFIX) and whole[name].map(type).nunique() > 1 and whole[name].dtype == object:
            whole[name] = whole[name].map(str, na_action="ignore").astype("str")
    return whole


def _read(source: StoredExperiment, name: str) -> TableRead:
    read = read_trials if name == "trials" else read_epochs
    try:
        return read(source.root, source.files)
    except (OSError, pa.ArrowException, KeyError, ValueError) as error:  # This includes parts that do not fit together.
        raise SearchError(f"{source.address} cannot be read ({reason(error)}).") from None


def _frame(table: pa.Table, experiment: str, alone: bool) -> pd.DataFrame:
    """Convert Arrow to pandas: whole numbers stay whole where some are null, and keys become categories."""
    kinds = {pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
    names = table.column_names
    with_nulls = [n for n in names if table.schema.field(n).type in kinds and table[n].null_count]
    frame = table.drop_columns(with_nulls).to_pandas()
    for name in with_nulls:
        frame[name] = table.select([name]).to_pandas(types_mapper=kinds.get)[name]
    frame = pd.DataFrame(frame[names])
    key = table["trial_id"] if alone else pc.binary_join_element_wise(experiment, table["trial_id"], "/")
    frame.insert(
        0, "key", key.combine_chunks().dictionary_encode().to_pandas() if "epoch" in names else key.to_pandas()
    )
    frame.insert(0, "experiment", experiment)
    return frame


def stored_predictions(source: StoredExperiment) -> set[str]:
    """Return the trials whose test predictions are stored."""
    selector = pafs.FileSelector(f"{source.root}/predictions", allow_not_found=True)
    try:
        return {info.base_name.removesuffix(".parquet") for info in source.files.get_file_info(selector)}
    except (OSError, pa.ArrowException):
        return set()


def read_predictions(source: StoredExperiment, trial_id: str) -> pd.DataFrame | None:
    """Return the stored test predictions of a trial (`row, label, predicted, probability_<class>`).

    Returns None where there are none, or where `label` and `predicted` are not class numbers.
    """
    path = f"{source.root}/predictions/{trial_id}.parquet"
    try:
        with source.files.open_input_file(path) as stored:
            frame = pd.DataFrame(pq.ParquetFile(stored).read().to_pandas())
    except (OSError, pa.ArrowException, ValueError):
        return None
    for name in ("label", "predicted"):
        if name not in frame or not pd.api.types.is_integer_dtype(frame[name]):
            return None
        if len(frame) == 0 or frame[name].min() < 0 or frame[name].max() >= MOST_CLASSES:
            return None
    return frame
