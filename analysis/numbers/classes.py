"""What the stored test predictions say of each class: confusion, precision, recall, F1, images per class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from analysis.configurations import configurations
from analysis.load import Results
from analysis.stored.source import StoredExperiment, read_predictions, stored_predictions
from search.errors import SearchError

_PREFIX = "probability_"


@dataclass(frozen=True)
class Predictions:
    """The test predictions of one run, in which `label` and `predicted` are indices of `names`."""

    trial: str
    number: int
    runs: int
    """Number of runs of its configuration, of which this is the first."""
    frame: pd.DataFrame
    names: tuple[str, ...]

    @property
    def heading(self) -> str:
        """Words that say which run this is."""
        return f"trial {self.number}" + (f", run 1 of {self.runs}" if self.runs > 1 else "")

    @property
    def confusion(self) -> NDArray[np.int64]:
        """Counts, shape (classes, classes), with a row for each true class and a column for each predicted one."""
        size = len(self.names)
        pairs = self.frame["label"].to_numpy(int) * size + self.frame["predicted"].to_numpy(int)
        return np.bincount(pairs, minlength=size * size).reshape(size, size).astype(np.int64)


def best_predictions(results: Results) -> Predictions:
    """Return the predictions of the best configuration that has some stored, its first run before its repeats.

    Raises SearchError where no predictions are stored.
    """
    sources = {source.name: source for source in results.sources}
    stored = {name: stored_predictions(source) for name, source in sources.items()}
    table = configurations(results)
    with_some = table["trial_id"].isin(set().union(*stored.values()))  # A few of perhaps thousands.
    for _, row in table[with_some].iterrows():
        source = sources[row["experiment"]]
        frame = read_predictions(source, row["trial_id"]) if row["trial_id"] in stored[source.name] else None
        if frame is not None:
            return Predictions(str(row["key"]), int(row["number"]), int(row["runs"]), frame, _names(source, frame))
    raise SearchError(f"{results.names} has no stored test predictions; only the best trials keep theirs.")


def _names(source: StoredExperiment, frame: pd.DataFrame) -> tuple[str, ...]:
    """Return the class names, from the columns of probabilities, else from the manifest, else as numbers."""
    named = [name.removeprefix(_PREFIX) for name in frame.columns if name.startswith(_PREFIX)]
    known = [str(name) for name in (source.dataset.class_names if source.dataset else ())]
    size = int(max(frame["label"].max(), frame["predicted"].max())) + 1
    names = known if len(known) >= max(size, len(named)) else named
    return tuple(names) if len(names) >= size else tuple(map(str, range(size)))


def per_class(predictions: Predictions) -> pd.DataFrame:
    """Return `images, precision, recall, f1` of each class, NaN where it was never predicted or has no images."""
    counts = predictions.confusion
    right = np.diag(counts).astype(float)
    with np.errstate(invalid="ignore", divide="ignore"):
        precision, recall = right / counts.sum(axis=0), right / counts.sum(axis=1)
        f1 = 2 * right / (counts.sum(axis=0) + counts.sum(axis=1))
    columns = {"class": predictions.names, "images": counts.sum(axis=1), "precision": precision, "recall": recall}
    return pd.DataFrame({**columns, "f1": f1})
