"""What a frozen backbone costs: Keras' `fit`, features made by hand, and ours; one trial, and whole searches.

    python -m benchmarks.transfer [--trials 10 20] [--repetitions 1] [--plain-epochs 4] [--markdown FILE]
    python -m benchmarks.transfer --commands --trials 10 --repetitions 3    # only what a search takes from cold

MobileNetV2 0.35 at 150x150, 1,000 real cats and dogs to train on, 500 to validate, 500 to test, 20 epochs a trial, all
cores. Each contestant is a process of its own; its clock runs from the imported Keras and the decoded images to the
test. `fit` is timed over a few epochs: the first, which compiles, counts once, the median of the others for the rest,
and a search is taken as so many times one (of those by hand, four are timed). Ours begins without features.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measuring.data import data_folder
from benchmarks.spaces.frozen_backbone import space
from search.space import Float
from trainables.data import Data, Split
from trainables.datasets.load import load_data
from trainables.engines.runtime import configure
from trainables.image_classifier import train_on
from trainables.trial import Trial

CORES = len(os.sched_getaffinity(0))
EPOCHS, BATCH = 20, 32
BY_HAND = 4
"""Number of trials on features made by hand that are timed; all after the first are alike."""
WEIGHTS = str(space.fixed["weights"])


def configurations(count: int) -> Iterator[dict[str, float]]:
    """Yield random learning rates and dropout rates from the ranges of the space."""
    rng = np.random.default_rng(0)
    rate, dropout = (space.parameters[name] for name in ("learning_rate", "dropout"))
    assert isinstance(rate, Float)
    assert isinstance(dropout, Float)
    for _ in range(count):
        yield {
            "learning_rate": float(np.exp(rng.uniform(np.log(rate.low), np.log(rate.high)))),
            "dropout": float(rng.uniform(dropout.low, dropout.high)),
        }


def data_dir() -> Path:
    """Return the folder of the images and the weights."""
    folder = data_folder()
    if folder is None or not (folder / WEIGHTS).is_file():
        sys.exit(f"SEARCH_DATA_DIR names no folder with cats_vs_dogs and {WEIGHTS}; set it.")
    return folder


def images() -> Data:
    """Return the images, decoded by the node's own cache."""
    return load_data({"dataset": space.dataset, **space.fixed}, Trial(data_dir=data_dir()))


def plain_fit(data: Data, trials: int, epochs: int) -> list[float]:
    """Train the usual way: rescaling and the frozen backbone are in the model, arrays of pixels in memory."""
    return [_fitted(data, epochs, inside=True)]


def plain_fit_rescaled(data: Data, trials: int, epochs: int) -> list[float]:
    """Train the same way, with pixels that were brought to [-1, 1] once beforehand, which is timed too."""
    return [_fitted(data, epochs, inside=False)]


def _fitted(data: Data, epochs: int, *, inside: bool) -> float:
    """Return the seconds of a trial of EPOCHS by `fit`, computed from a few of them."""
    import keras  # noqa: PLC0415  # each contestant sets its threads first

    started = time.perf_counter()
    config = next(configurations(1))
    base = _base()
    inputs = x = keras.Input((150, 150, 3))
    x = keras.layers.Rescaling(1 / 127.5, -1.0)(x) if inside else x
    x = keras.layers.GlobalAveragePooling2D()(base(x, training=False))
    model = _compiled(keras.Model(inputs, _head(x, config)), config)
    arrays: list[tuple[Any, Any]] = [split.take() for split in (data.train, data.validation, data.test)]
    if not inside:
        arrays = [(x / np.float32(127.5) - np.float32(1), y) for x, y in arrays]
    built = time.perf_counter() - started
    seconds = []
    for _ in range(epochs):
        started = time.perf_counter()
        model.fit(*arrays[0], BATCH, 1, verbose=0, validation_data=arrays[1])
        seconds.append(time.perf_counter() - started)
    started = time.perf_counter()
    model.evaluate(*arrays[2], verbose=0)
    tested = time.perf_counter() - started
    return built + seconds[0] + (EPOCHS - 1) * statistics.median(seconds[1:]) + tested


def features_by_hand(data: Data, trials: int, epochs: int) -> list[float]:
    """Run `predict` once for all trials, and `fit` of the head alone, as one may write it by hand."""
    import keras  # noqa: PLC0415  # each contestant sets its threads first

    started, seconds = time.perf_counter(), []
    base = _base()
    inputs = keras.Input((150, 150, 3))
    x = base(keras.layers.Rescaling(1 / 127.5, -1.0)(inputs))
    extractor = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x))
    splits = [split.take() for split in (data.train, data.validation, data.test)]
    arrays = [(extractor.predict(x, BATCH, verbose=0), y) for x, y in splits]
    for config in configurations(BY_HAND):
        inputs = keras.Input(arrays[0][0].shape[1:])
        model = _compiled(keras.Model(inputs, _head(inputs, config)), config)
        model.fit(*arrays[0], BATCH, EPOCHS, verbose=0, validation_data=arrays[1])
        model.evaluate(*arrays[2], verbose=0)
        seconds.append(time.perf_counter() - started)
        started = time.perf_counter()
    return seconds


def ours(data: Data, trials: int, epochs: int) -> list[float]:
    """Run trials as a worker does, one after another in one process."""
    with tempfile.TemporaryDirectory() as folder:
        seconds = []
        for config in configurations(trials):
            started = time.perf_counter()
            trial = Trial(data_dir=data_dir(), cache_dir=Path(folder), cpus=CORES)
            *_, _last = train_on(data, {**space.fixed, **config}, trial)
            seconds.append(time.perf_counter() - started)
    return seconds


Contestant = Callable[[Data, int, int], list[float]]
"""Takes (data, trials, epochs of `fit` that are timed); gives each trial's seconds, or the first's if all are alike."""
CONTESTANTS: dict[str, Contestant] = {
    "fit, rescaling in the model": plain_fit,
    "fit, images rescaled beforehand": plain_fit_rescaled,
    "predict once, fit the head": features_by_hand,
    "ours": ours,
}


def _base() -> Any:
    import keras  # noqa: PLC0415  # each contestant sets its threads first

    base = keras.applications.MobileNetV2((150, 150, 3), 0.35, include_top=False, weights=str(data_dir() / WEIGHTS))
    base.trainable = False
    return base


def _head(x: Any, config: dict[str, float]) -> Any:
    from keras import layers  # noqa: PLC0415  # each contestant sets its threads first

    return layers.Dense(2, activation="softmax")(layers.Dropout(config["dropout"])(x))


def _compiled(model: Any, config: dict[str, float]) -> Any:
    import keras  # noqa: PLC0415  # each contestant sets its threads first

    optimizer = keras.optimizers.Adam(config["learning_rate"])
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def measure_here(name: str, trials: int, epochs: int) -> list[float]:
    """Return the seconds of each trial of one contestant, or of the first few, in this process."""
    data = images()
    for split in (data.train, data.validation, data.test):
        assert isinstance(split, Split)
        split.take()  # The pages of the decoded images are then in memory for every contestant.
    if CONTESTANTS[name] is ours:
        configure(CORES)
    import keras  # noqa: F401, PLC0415  # each contestant sets its threads first

    return CONTESTANTS[name](data, trials, epochs)


def measure(name: str, trials: Sequence[int], epochs: int) -> list[float]:
    """Return the seconds of one trial, and of so many each, of a contestant in a process of its own."""
    words = ["--one", name, "--trials", str(max(trials)), "--plain-epochs", str(epochs)]
    command = [sys.executable, "-m", "benchmarks.transfer", *words]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    seconds = json.loads(done.stdout.splitlines()[-1])
    return [in_all(seconds, count) for count in (1, *trials)]


def in_all(seconds: Sequence[float], trials: int) -> float:
    """Return the seconds of so many trials; those that were not timed take the median of all after the first."""
    rest = statistics.median(seconds[1:] or seconds)
    return sum(seconds[:trials]) + max(0, trials - len(seconds)) * rest


def whole_command(trials: int) -> float:
    """Return the seconds of `python -m search.run` over the same search, cold: start of Ray, imports, features."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["benchmarks/spaces/frozen_backbone.py", "--trials", str(trials), "--results", folder, "--quiet"]
        environment = {**os.environ, "SEARCH_CACHE_DIR": f"{folder}/cache"}
        started = time.perf_counter()
        subprocess.run([sys.executable, "-m", "search.run", *words], env=environment, check=True, capture_output=True)
        return time.perf_counter() - started


def table(times: Mapping[str, Sequence[Sequence[float]]], trials: Sequence[int]) -> str:
    """Return a Markdown table: median seconds, and how many times faster than the first contestant.

    `times` has rounds by contestant, each the seconds of one trial and of searches of so many `trials`.
    """
    counts = ["one trial", *(f"{count} trials" for count in trials)]
    lines = ["| | " + " | ".join(f"{count}, s | times faster" for count in counts) + " |"]
    lines.append("|---|" + "---|---|" * len(counts))
    medians = {name: [statistics.median(part) for part in zip(*rounds, strict=True)] for name, rounds in times.items()}
    usual = next(iter(medians.values()))
    for name, row in medians.items():
        cells = [
            " | " if math.isnan(one) else f"{one:.1f} | {first / one:.1f}"
            for one, first in zip(row, usual, strict=True)
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


COMMAND = "ours, the whole command from cold"


def measure_all(
    trials: Sequence[int], repetitions: int, epochs: int, names: Sequence[str]
) -> dict[str, list[list[float]]]:
    """Return rounds by contestant, and of the whole command, which has no time of a single trial."""
    times: dict[str, list[list[float]]] = {name: [] for name in (*names, COMMAND)}
    for _ in range(repetitions):
        for name in names:
            times[name].append(measure(name, trials, epochs))
        times[COMMAND].append([math.nan, *map(whole_command, trials)])
    return times


def main() -> None:
    """Measure, print, and write the table where asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, nargs="+", default=[10, 20], help="of each search, 10 and 20 by default")
    parser.add_argument("--repetitions", type=int, default=1, help="processes of each contestant")
    parser.add_argument("--plain-epochs", type=int, default=4, help="epochs of `fit` that are timed")
    parser.add_argument("--commands", action="store_true", help="measure only whole commands of ours")
    parser.add_argument("--markdown", type=Path, help="file for the table")
    parser.add_argument("--one", choices=CONTESTANTS, help="measure only this one, in this process")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure_here(options.one, max(options.trials), options.plain_epochs)))
        return
    data_dir()  # This ends the benchmark here where the folder is not set.
    names = [] if options.commands else list(CONTESTANTS)
    result = table(measure_all(options.trials, options.repetitions, options.plain_epochs, names), options.trials)
    print(result)
    if options.markdown:
        options.markdown.write_text(result + "\n")


if __name__ == "__main__":
    main()
