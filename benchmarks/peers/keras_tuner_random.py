"""KerasTuner's RandomSearch, as in its guide: a build function, one trial at a time, its own folder of results."""

from __future__ import annotations

import tempfile
from typing import Any

from benchmarks.peers import digits
from benchmarks.peers.record import Record, arguments


def build(hp: Any) -> Any:
    """Return the model of a `HyperParameters` object."""
    return digits.build_model(
        hp.Choice("filters", list(digits.FILTERS)),
        hp.Float("dropout", *digits.DROPOUT),
        hp.Float("learning_rate", *digits.LEARNING_RATE, sampling="log"),
    )


def main() -> None:
    """Run the trials."""
    options = arguments(__doc__).parse_args()
    import keras_tuner  # noqa: PLC0415  # behind the options, which are refused at once

    record = Record()

    class Timed(keras_tuner.RandomSearch):
        def on_trial_end(self, trial: Any) -> None:
            super().on_trial_end(trial)
            record.add(float(trial.score))

    train, validation = digits.load_digits()
    with tempfile.TemporaryDirectory() as folder:
        tuner = Timed(
            build, objective="val_accuracy", max_trials=options.trials, directory=folder, project_name="digits"
        )
        tuner.search(*train, batch_size=digits.BATCH_SIZE, epochs=digits.EPOCHS, validation_data=validation, verbose=0)
    record.write(options.output)


if __name__ == "__main__":
    main()
