"""Optuna by itself, as in its Keras example: `study.optimize` with its default sampler (TPE), one trial at a time.

`optimize(n_jobs=2)` would run two threads of one Python process, in which Keras' state and the interpreter's lock
are shared; TensorFlow uses both cores either way.
"""

from __future__ import annotations

from benchmarks.peers import digits
from benchmarks.peers.record import Record, arguments


def main() -> None:
    """Run the trials."""
    options = arguments(__doc__).parse_args()
    import keras  # noqa: PLC0415  # behind the options, which are refused at once
    import optuna  # noqa: PLC0415  # likewise

    train, validation = digits.load_digits()
    record = Record()

    def objective(trial: optuna.Trial) -> float:
        keras.backend.clear_session()
        model = digits.build_model(
            trial.suggest_categorical("filters", digits.FILTERS),
            trial.suggest_float("dropout", *digits.DROPOUT),
            trial.suggest_float("learning_rate", *digits.LEARNING_RATE, log=True),
        )
        history = model.fit(
            *train, batch_size=digits.BATCH_SIZE, epochs=digits.EPOCHS, validation_data=validation, verbose=0
        )
        value = digits.best_epoch(history.history)
        record.add(value)
        return value

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    optuna.create_study(direction="maximize").optimize(objective, n_trials=options.trials)
    record.write(options.output)


if __name__ == "__main__":
    main()
