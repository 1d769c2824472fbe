"""Makes one model of several that a search has found, and tests it as each of them was tested."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from search.console import Console
from search.errors import SearchError
from search.experiment.atomic import write_text
from search.planning.resources import usable_cpus
from search.use.export import in_the_same_split
from search.use.stored_trial import StoredTrial
from search.wording import counted, show_value
from trainables.finished.classifier import open_classifier
from trainables.finished.ensemble import averaged
from trainables.finished.measure import load_test_images

NAME = "ensemble.keras"


def join(
    members: Sequence[tuple[StoredTrial, Path]], folder: Path, data_dir: Path | None, console: Console
) -> dict[str, float]:
    """Write the mean of models' probabilities as one model, and return what its file scores on the test images.

    Beside it stands, as JSON, of which it was made. Raises SearchError, and leaves no file, where it cannot be read.
    """
    first, path = members[0][0], folder / NAME
    opened = [open_classifier(file, trial.load, usable_cpus(), trial.image_size) for trial, file in members]
    averaged(opened).save(path)
    try:
        stored = open_classifier(path, first.load, usable_cpus(), first.image_size)
    except (TypeError, ValueError) as error:
        path.unlink()
        raise SearchError(
            f"the ensemble cannot be read back ({str(error).splitlines()[0]}); it was removed. Use its members."
        ) from None
    test = load_test_images(first.settings, in_the_same_split(first, data_dir))
    scores = test.measure(stored.probabilities(test.images))
    described = {"members": [file.name for _, file in members], **scores}
    write_text(path.with_suffix(".json"), json.dumps(described, indent=2) + "\n")
    told = ", ".join(f"{name} {show_value(value)}" for name, value in scores.items())
    console.result(f"ensemble of {counted(len(members), 'model')}: {told}; {path}")
    return scores
