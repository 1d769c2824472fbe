"""How long one epoch of the MNIST network takes on one core: Keras' `fit`, ours, and what the core could do at best.

    python -m benchmarks.epoch [--repetitions 3] [--images 12000] [--markdown FILE]

Network of study 003 (5x5, 64 filters), batch 128. Every measurement is a process of its own that is bound to one
core; the contestants take turns, so that a busy machine slows all of them. Validation is left out.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.measuring.data import data_folder
from trainables.data import Data
from trainables.datasets.load import load_data
from trainables.engines.runtime import configure
from trainables.settings.image import ImageSettings
from trainables.trial import Trial

CONFIG = {"network": "two_conv", "filters": 64, "kernel_size": 5, "dropout": 0.5, "batch_size": 128}
SETTINGS = ImageSettings.of(CONFIG)
Times = tuple[float, float]
"""Seconds on the clock, and processor seconds of the process; they are equal on a machine that is idle."""
WARM, TIMED = 1, 3
"""Numbers of epochs of one process: the first one pays for tracing and is not counted, the others are timed."""


def mnist(images: int) -> Data:
    """Return the first `images` training images of MNIST."""
    return load_data({"dataset": "mnist", "sample_size": images}, Trial(data_dir=data_folder()))


def fit_default(images: int) -> Callable[[], Any]:
    """Return what runs `fit` on arrays, as in the study; TensorFlow chooses its threads."""
    model, x, y = _keras_model(images)
    return lambda: model.fit(x, y, SETTINGS.batch_size, verbose=0)


def fit_private_pool(images: int) -> Callable[[], Any]:
    """Return what runs `fit` on a tf.data pipeline with one thread of its own, and one thread for the arithmetic."""
    configure(cpus=1)
    import tensorflow as tf  # noqa: PLC0415  # each contestant sets its threads first

    model, x, y = _keras_model(images)
    dataset = tf.data.Dataset.from_tensor_slices((x, y)).shuffle(len(x)).batch(SETTINGS.batch_size).prefetch(2)
    options = tf.data.Options()
    options.threading.private_threadpool_size = 1
    dataset = dataset.with_options(options)
    return lambda: model.fit(dataset, verbose=0)


def ours(images: int) -> Callable[[], Any]:
    """Return what runs the compiled epoch of a trial, which includes the reset to initial weights."""
    data = mnist(images)
    configure(cpus=1)
    from trainables.compiled.chunks import chunks  # noqa: PLC0415  # each contestant sets its threads first
    from trainables.engines.seeds import order_of_epoch  # noqa: PLC0415  # each contestant sets its threads first
    from trainables.training.prepared import prepared_program  # noqa: PLC0415  # each contestant sets its threads first

    def epoch() -> None:
        with prepared_program(CONFIG, data, seed=0) as program:
            program.seed_layers(0, 1)
            order = order_of_epoch(0, 1, images)
            program.train(chunks(data.train, SETTINGS.batch_size, order), SETTINGS.batch_size)

    return epoch


def peak(_images: int) -> Callable[[], Any]:
    """Return what multiplies square matrices twenty times in single precision: the arithmetic that the core reaches."""
    configure(cpus=1)
    import tensorflow as tf  # noqa: PLC0415  # each contestant sets its threads first

    matrix = tf.random.normal((PEAK_SIDE, PEAK_SIDE))
    return lambda: [(matrix @ matrix)[0, 0].numpy() for _ in range(PEAK_PRODUCTS)]


PEAK_SIDE, PEAK_PRODUCTS = 2048, 20
PEAK_FLOP = PEAK_PRODUCTS * 2 * PEAK_SIDE**3
CONTESTANTS = {
    "fit, default threads": fit_default,
    "fit, tf.data with a private pool": fit_private_pool,
    "one compiled epoch (ours)": ours,
    "peak": peak,
}


def _keras_model(images: int) -> tuple[Any, Any, Any]:
    """Return study 003 in plain Keras, with the images of `ours` as floats from 0 to 1."""
    data = mnist(images)
    import keras  # noqa: PLC0415  # each contestant sets its threads first
    from keras import layers  # noqa: PLC0415  # each contestant sets its threads first

    blocks = []
    for filters, size in ((32, 3), (64, 5)):
        blocks += [layers.Conv2D(filters, size, activation="relu"), layers.BatchNormalization()]
        blocks += [layers.MaxPooling2D(), layers.Dropout(0.5)]
    head = [layers.Flatten(), layers.Dense(128, "relu"), layers.Dense(10, "softmax")]
    model = keras.Sequential([keras.Input((28, 28, 1)), *blocks, *head])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    x, y = data.train.take()
    return model, x.astype("float32") / 255, y


def flop_per_image() -> int:
    """Return the operations of a training step: forward, and twice that backward, except to the pixels."""
    first = 2 * 26 * 26 * 32 * 9
    others = 2 * (9 * 9 * 64 * 25 * 32 + 1024 * 128 + 128 * 10)
    return 2 * first + 3 * others


def measure_here(name: str, images: int) -> list[Times]:
    """Return the times of each timed epoch, in this process, on one core."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    epoch = CONTESTANTS[name](images)
    times = []
    for _ in range(WARM + TIMED):
        started, cpu_started = time.perf_counter(), time.process_time()
        epoch()
        times.append((time.perf_counter() - started, time.process_time() - cpu_started))
    return times[WARM:]


def measure(name: str, images: int) -> list[Times]:
    """Return the result of `measure_here` in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.epoch", "--one", name, "--images", str(images)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [(wall, cpu) for wall, cpu in json.loads(done.stdout.splitlines()[-1])]


def table(times: dict[str, list[Times]], images: int) -> str:
    """Return a Markdown table: median and spread of the epochs, and their share of the core's peak.

    The share is taken in the processor time that the epochs took.
    """
    best = PEAK_FLOP / min(cpu for _, cpu in times["peak"]) / 1e9
    lines = [
        f"{images:,} images, batch {SETTINGS.batch_size}, one core; its peak: {best:.0f} GFLOP/s; "
        f"{flop_per_image() / 1e6:.1f} MFLOP an image.",
        "",
        "| epoch | median s | least s | most s | processor s (median) | GFLOP per processor s | of the peak |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, values in times.items():
        if name != "peak":
            wall = [seconds for seconds, _ in values]
            cpu = statistics.median(seconds for _, seconds in values)
            rate = flop_per_image() * images / cpu / 1e9
            spread = f"{statistics.median(wall):.2f} | {min(wall):.2f} | {max(wall):.2f}"
            lines.append(f"| {name} | {spread} | {cpu:.2f} | {rate:.0f} | {rate / best:.0%} |")
    return "\n".join(lines)


def main() -> None:
    """Measure, print, and write the table where asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=3, help="processes of each contestant")
    parser.add_argument("--images", type=int, default=12_000)
    parser.add_argument("--markdown", type=Path, help="file for the table")
    parser.add_argument("--one", choices=CONTESTANTS, help="measure only this one, in this process")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measure_here(options.one, options.images)))
        return
    times: dict[str, list[Times]] = {name: [] for name in CONTESTANTS}
    for _ in range(options.repetitions):
        for name in CONTESTANTS:
            times[name] += measure(name, options.images)
    result = table(times, options.images)
    print(result)
    if options.markdown:
        options.markdown.write_text(result + "\n")


if __name__ == "__main__":
    main()
