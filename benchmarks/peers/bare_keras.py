"""The floor with `fit`: build, compile and fit one random configuration after another, with no search around it."""

from __future__ import annotations

from benchmarks.peers import digits
from benchmarks.peers.record import Record, arguments


def main() -> None:
    """Run the trials."""
    options = arguments(__doc__).parse_args()
    import keras  # noqa: PLC0415  # behind the options, which are refused at once

    train, validation = digits.load_digits()
    record = Record()
    for config in digits.random_configurations(options.trials, seed=0):
        keras.backend.clear_session()
        model = digits.build_model(**config)
        history = model.fit(
            *train, batch_size=digits.BATCH_SIZE, epochs=digits.EPOCHS, validation_data=validation, verbose=0
        )
        record.add(digits.best_epoch(history.history))
    record.write(options.output)


if __name__ == "__main__":
    main()
