"""A model in the format of another program: written, run, and held against what was measured in the search."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from search.console import Console
from search.errors import SearchError
from search.experiment.atomic import write_text
from search.use.stored_trial import StoredTrial
from trainables.finished.classifier import Classifier
from trainables.finished.formats import FORMATS, write
from trainables.finished.measure import TestImages, load_test_images
from trainables.trial import Trial

NAMES = ("keras", *FORMATS)
ALLOWED = 1e-3
"""Largest difference of a probability to the stored model's: other programs add in another order."""


def export(
    trial: StoredTrial,
    name: str,
    output: Path | None,
    data_dir: Path | None,
    console: Console,
    *,
    model: Path | None = None,
) -> int:
    """Write the model, and beside it, as JSON, what it takes and gives; the exit code.

    `model`: another file than the trial's own. What is written is run on the test images of the search. Raises
    SearchError, and removes it, where its probabilities differ from the stored model's, or those of the trial's own
    model from the measured accuracy.
    """
    classifier, file = trial.classifier(model), model or trial.model
    test = load_test_images(trial.settings, in_the_same_split(trial, data_dir))
    path = output or trial.experiment.path / "exports" / f"{file.stem}{_suffix(name)}"
    if path.resolve() == file.resolve():
        raise SearchError(f"--output {path} is the model itself; expected another place.")
    run = _copied(file, trial, path) if name == "keras" else write(classifier.model, name, path)
    found = classifier.of_outputs(run(test.images))
    accuracy = test.measure(found)["test_accuracy"]
    difference = float(np.abs(found - classifier.probabilities(test.images)).max())
    measured = trial.row.get("test_accuracy") if model is None else None
    problem = _problem(measured, test, accuracy, difference)
    if problem is not None:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        raise SearchError(f"the {name} model {problem}; it was removed. Take another format.")
    write_text(
        path.with_name(f"{path.name}.json"), _described(trial, file, classifier, accuracy, of_the_trial=model is None)
    )
    told = "" if measured is None else ", as measured"
    console.result(f"{path}: test_accuracy {accuracy:.4f} on {len(test.labels)} images{told}")
    console.result(f"probabilities differ from the stored model's by {difference:.1g} at most")
    return 0


def in_the_same_split(trial: StoredTrial, data_dir: Path | None) -> Trial:
    """What loads the data of the search, and refuses any other."""
    data = trial.manifest["dataset"]
    contents = {data["name"]: data["fingerprint"]} if data is not None else {}
    return Trial(split_seed=trial.seed, data_dir=data_dir, contents=contents)


def _suffix(name: str) -> str:
    return ".keras" if name == "keras" else FORMATS[name].suffix


def _copied(file: Path, trial: StoredTrial, path: Path) -> Callable[[Any], Any]:
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(file, path)
    model = trial.load(path)
    return lambda images: model.predict(images, verbose=0)


def _problem(measured: float | None, test: TestImages, accuracy: float, difference: float) -> str | None:
    """Why what was written is not the model that was measured; None where it is. One image may fall the other way."""
    if difference > ALLOWED:
        return f"gives probabilities that differ by {difference:.2g} from the stored model's"
    if measured is not None and abs(accuracy - measured) > 1 / len(test.labels) + 1e-6:
        return f"has a test_accuracy of {accuracy:.4f}, and {measured:.4f} was measured"
    return None


def _described(trial: StoredTrial, file: Path, classifier: Classifier, accuracy: float, *, of_the_trial: bool) -> str:
    height, width = classifier.size
    described = {
        "experiment": trial.experiment.name,
        "trial_id": trial.trial_id if of_the_trial else None,
        "model": file.name,
        "takes": {"shape": ["images", height, width, classifier.channels], "pixels": "0 to 255, as float32"},
        "gives": "logits" if classifier.logits else "probabilities",
        "classes": list(trial.class_names),
        "test_accuracy": accuracy,
    }
    return json.dumps(described, indent=2) + "\n"
