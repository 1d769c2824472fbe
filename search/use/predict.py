"""Image files in, classes and their probabilities out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from search.console import Console
from search.errors import SearchError
from search.use.stored_trial import StoredTrial
from search.wording import counted
from trainables.finished.classifier import Classified, classified, pictures_in

_SHOWN = 5


def predict(
    trial: StoredTrial, given: Sequence[Path], output: Path | None, console: Console, model: Path | None = None
) -> int:
    """Write a row for each file, as csv or Parquet by the suffix of `output`, or show it as csv; the exit code.

    `model`: another file than the trial's own. The code is 1 where no file can be read; raises SearchError where there
    is none.
    """
    files = _files(given, console)
    if output is not None and output.suffix not in (".csv", ".parquet"):
        raise SearchError(f"--output {output} names no format; expected a name that ends in .csv or .parquet.")
    if output is not None:
        output.parent.mkdir(parents=True, exist_ok=True)  # What cannot be written is told before the work.
    classifier = trial.classifier(model)
    found = list(classified(classifier, files))
    table = as_table(found, trial.class_names)
    if output is None:
        print(table.to_csv(index=False), end="")
    elif output.suffix == ".csv":
        table.to_csv(output, index=False)
    else:
        table.to_parquet(output, index=False)
    unread = [one for one in found if one.error]
    for one in unread[:_SHOWN]:
        console.error(f"{one.file}: {one.error}; its row has no class.")
    if len(unread) > _SHOWN:
        console.error(f"and {len(unread) - _SHOWN} more files cannot be read.")
    if output is not None:
        console.result(f"{counted(len(found) - len(unread), 'picture')} classified by trial {trial.trial_id}: {output}")
    return 1 if len(unread) == len(found) else 0


def as_table(found: Iterable[Classified], names: Sequence[str]) -> pd.DataFrame:
    """Columns: file, class, probability, and probability_CLASS for every class; nulls for a file that is unreadable."""
    rows: list[dict[str, object]] = []
    for one in found:
        if one.probabilities is None:
            rows.append({"file": one.file, "class": None, "probability": None})
            continue
        best = int(one.probabilities.argmax())
        shares = {f"probability_{name}": float(p) for name, p in zip(names, one.probabilities, strict=True)}
        rows.append({"file": one.file, "class": names[best], "probability": float(one.probabilities[best]), **shares})
    return pd.DataFrame(rows)


def _files(given: Sequence[Path], console: Console) -> list[Path]:
    """The files, and the pictures in a folder as in one of a data set; raises SearchError for what is not there.

    A file that is named is read whatever it is called.
    """
    found: list[Path] = []
    for path in given:
        if path.is_dir():
            pictures, notes = pictures_in(path)
            found += pictures
            for note in notes:
                console.error(f"NOTE: {note}")  # Standard output may be the csv.
        elif path.is_file():
            found.append(path)
        else:
            raise SearchError(f"{path} is not there; expected image files, or folders of them.")
    if not found:
        raise SearchError(f"no image files in {', '.join(map(str, given))}; expected names that end in .jpg, .png, ...")
    return found
