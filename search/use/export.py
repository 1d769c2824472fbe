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
from search.planning.resources import usable_cpus
from search.use.stored_trial import StoredTrial
from trainables.finished.classifier import Classifier, open_classifier
from trainables.finished.formats import FORMATS, write
from trainables.finished.measure import TestImages, load_test_images
from trainables.trial import Trial

NAMES = ("keras", *FORMATS)
ALLOWED = 1e-3
"""Largest difference of a probability to the stored model's: other programs add in another order."""


def export(trial: StoredTrial, name: str, output: Path | None, data_dir: Path | None, console: Console) -> int:
    """Write the model, and beside it, as JSON, what it takes and gives; the exit code.

    It is run on the test images of the search. Raises SearchError, and removes it, where its probabilities differ from
    the stored model's, or its accuracy from the measured one.
    """
    classifier = open_classifier(trial.model, trial.load, usable_cpus(), trial.image_size)
    test = load_test_images(trial.settings, in_the_same_split(trial, data_dir))
    path = output or _place(trial, name)
    run = _copied(trial, path) if name == "keras" else write(classifier.model, name, path)
    found = classifier.of_outputs(run(test.images))
    accuracy = test.measure(found)["test_accuracy"]
    difference = float(np.abs(found - classifier.probabilities(test.images)).max())
    problem = _problem(trial, test, accuracy, difference)
    if problem is not None:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
        raise SearchError(f"the {name} model {problem}; it was removed. Take another format.")
    write_text(path.with_name(f"{path.name}.json"), _described(trial, classifier, accuracy))
    console.result(f"{path}: test_accuracy {accuracy:.4f} on {len(test.labels)} images, as measured")
    console.result(f"probabilities differ from the stored model's by {difference:.1g} at most")
    return 0


def in_the_same_split(trial: StoredTrial, data_dir: Path | None) -> Trial:
    """What loads the data of the search, and refuses any other."""
    data = trial.manifest["dataset"]
    contents = {data["name"]: data["fingerprint"]} if data is not None else {}
    return Trial(split_seed=trial.seed, data_dir=data_dir, contents=contents)


def _place(trial: StoredTrial, name: str) -> Path:
    suffix = ".keras" if name == "keras" else FORMATS[name].suffix
    return trial.experiment.path / "exports" / f"{trial.trial_id}{suffix}"


def _copied(trial: StoredTrial, path: Path) -> Callable[[Any], Any]:
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(trial.model, path)
    model = trial.load(path)
    return lambda images: model.predict(images, verbose=0)


def _problem(trial: StoredTrial, test: TestImages, accuracy: float, difference: float) -> str | None:
    """Why what was written is not the model that was measured; None where it is. One image may fall the other way."""
    stored = trial.row.get("test_accuracy")
    if difference > ALLOWED:
        return f"gives probabilities that differ by {difference:.2g} from the stored model's"
    if stored is not None and abs(accuracy - stored) > 1 / len(test.labels) + 1e-6:
        return f"has a test_accuracy of {accuracy:.4f}, and {stored:.4f} was measured"
    return None


def _described(trial: StoredTrial, classifier: Classifier, accuracy: float) -> str:
    height, width = classifier.size
    described = {
        "experiment": trial.experiment.name,
        "trial_id": trial.trial_id,
        "takes": {"shape": ["images", height, width, classifier.channels], "pixels": "0 to 255, as float32"},
        "gives": "logits" if classifier.logits else "probabilities",
        "classes": list(trial.class_names),
        "test_accuracy": accuracy,
    }
    return json.dumps(described, indent=2) + "\n"
