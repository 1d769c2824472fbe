"""Ray Tune with OptunaSearch on two slots of one core, as in its guides: fresh actors, or reused ones (`--reuse`).

Fresh: a function trainable that reports after every epoch. Reused: a class trainable whose step is one epoch.
"""

from __future__ import annotations

import tempfile
from typing import Any

import ray
from ray import tune
from ray.tune.search.optuna import OptunaSearch

from benchmarks.peers import digits
from benchmarks.peers.record import Record, arguments

SLOTS = 2
SPACE = {
    "filters": tune.choice(digits.FILTERS),
    "dropout": tune.uniform(*digits.DROPOUT),
    "learning_rate": tune.loguniform(*digits.LEARNING_RATE),
}


def train_digits(config: dict[str, Any]) -> None:
    """Train one trial in an actor of its own."""
    import keras  # noqa: PLC0415  # in the actor, not in the driver

    class Report(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            tune.report(dict(logs or {}))

    train, validation = digits.load_digits()
    digits.build_model(**config).fit(
        *train,
        batch_size=digits.BATCH_SIZE,
        epochs=digits.EPOCHS,
        validation_data=validation,
        callbacks=[Report()],
        verbose=0,
    )


class Digits(tune.Trainable):
    """An actor that trains many trials."""

    def setup(self, config: dict[str, Any]) -> None:
        """Prepare the actor; Tune calls it once."""
        self._data = digits.load_digits()
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Prepare the next trial; Tune calls it for every further one."""
        import keras  # noqa: PLC0415  # in the actor, not in the driver

        keras.backend.clear_session()
        self._model = digits.build_model(**new_config)
        return True

    def step(self) -> dict[str, Any]:
        """Train one epoch and return its metrics."""
        train, validation = self._data
        history = self._model.fit(
            *train, batch_size=digits.BATCH_SIZE, epochs=1, validation_data=validation, verbose=0
        ).history
        return {name: values[-1] for name, values in history.items()}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Save nothing, because no checkpoint is asked for."""


class Ends(tune.Callback):
    """Notes when trials end; the copy that Tune pickles notes nothing."""

    def __init__(self, record: Record) -> None:
        self._record = record

    def __getstate__(self) -> dict[str, Any]:
        return {"_record": Record()}

    def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        """Note the end of a trial."""
        self._record.add(float(trial.metric_analysis["val_accuracy"]["max"]))


def main() -> None:
    """Run the trials."""
    parser = arguments(__doc__)
    parser.add_argument("--reuse", action="store_true", help="reused actors")
    options = parser.parse_args()
    record = Record()
    ray.init(address="local", num_cpus=SLOTS, include_dashboard=False, log_to_driver=False, logging_level="error")
    with tempfile.TemporaryDirectory() as folder:
        tune.Tuner(
            tune.with_resources(Digits if options.reuse else train_digits, {"cpu": 1}),
            param_space=SPACE,
            tune_config=tune.TuneConfig(
                search_alg=OptunaSearch(metric="val_accuracy", mode="max"),
                num_samples=options.trials,
                max_concurrent_trials=SLOTS,
                reuse_actors=options.reuse,
            ),
            run_config=tune.RunConfig(
                storage_path=folder,
                stop={"training_iteration": digits.EPOCHS},
                callbacks=[Ends(record)],
                verbose=0,
            ),
        ).fit()
        ray.shutdown()
    record.write(options.output)


if __name__ == "__main__":
    main()
