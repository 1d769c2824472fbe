"""KerasTuner's Hyperband as in its guide to distributed tuning: a chief with the oracle, and two workers of one core.

Which of them a process is, it reads from KERASTUNER_TUNER_ID.
"""

from __future__ import annotations

from typing import Any

from benchmarks.real.problem import (
    DROPOUT,
    FILTERS,
    KERNEL_SIZES,
    LEARNING_RATE,
    PROBLEMS,
    Events,
    arguments,
    build_model,
    load_arrays,
    one_thread,
)


def main() -> None:
    """Search until the process is ended."""
    options = arguments(__doc__).parse_args()
    import keras  # noqa: PLC0415  # behind the options, which are refused at once
    import keras_tuner  # noqa: PLC0415  # likewise

    one_thread()
    problem, events = PROBLEMS[options.problem], Events(options.folder / "events.jsonl")
    train, validation = load_arrays(problem, options.seed)

    def build(hp: Any) -> Any:
        return build_model(
            problem,
            train[0].shape[1:],
            filters=hp.Choice("filters", list(FILTERS)),
            kernel_size=hp.Choice("kernel_size", list(KERNEL_SIZES)),
            dropout=hp.Float("dropout", *DROPOUT),
            head_dropout=hp.Float("head_dropout", *DROPOUT),
            learning_rate=hp.Float("learning_rate", *LEARNING_RATE, sampling="log"),
        )

    class Note(keras.callbacks.Callback):
        """Notes every epoch; the tuner copies it for each trial."""

        def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            events.add("", epoch + 1, (logs or {})["val_accuracy"])

    tuner = keras_tuner.Hyperband(
        build,
        objective="val_accuracy",
        max_epochs=problem.epochs,
        factor=3,
        hyperband_iterations=1000,
        seed=options.seed,
        directory=str(options.folder),
        project_name="real",
    )
    tuner.search(*train, batch_size=problem.batch_size, validation_data=validation, callbacks=[Note()], verbose=0)


if __name__ == "__main__":
    main()
