"""Ray Tune's ASHA with OptunaSearch on two slots of one core, with reused actors, the faster of its two ways."""

from __future__ import annotations

from typing import Any

import ray
from ray import tune
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search.optuna import OptunaSearch

from benchmarks.real.problem import (
    DROPOUT,
    FILTERS,
    KERNEL_SIZES,
    LEARNING_RATE,
    PROBLEMS,
    Events,
    Problem,
    arguments,
    build_model,
    load_arrays,
    one_thread,
)

SLOTS = 2
SPACE = {
    "filters": tune.choice(FILTERS),
    "kernel_size": tune.choice(KERNEL_SIZES),
    "dropout": tune.uniform(*DROPOUT),
    "head_dropout": tune.uniform(*DROPOUT),
    "learning_rate": tune.loguniform(*LEARNING_RATE),
}


class Training(tune.Trainable):
    """An actor that trains many trials; a step is an epoch."""

    def setup(self, config: dict[str, Any], problem: Problem, seed: int) -> None:
        """Prepare the actor; Tune calls it once."""
        one_thread()
        self._problem, self._data = problem, load_arrays(problem, seed)
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Prepare the next trial; Tune calls it for every further one."""
        import keras  # noqa: PLC0415  # in the actor, not in the driver

        keras.backend.clear_session()
        self._model = build_model(self._problem, self._data[0][0].shape[1:], **new_config)
        return True

    def step(self) -> dict[str, Any]:
        """Train one epoch and return its metrics."""
        train, validation = self._data
        fitted = self._model.fit(
            *train, batch_size=self._problem.batch_size, epochs=1, validation_data=validation, verbose=0
        )
        return {name: values[-1] for name, values in fitted.history.items()}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Save nothing, because no checkpoint is asked for."""


class Note(tune.Callback):
    """Notes every epoch when the driver hears of it."""

    def __init__(self, events: Events) -> None:
        self._events = events

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        """Note an epoch."""
        self._events.add(trial.trial_id, result["training_iteration"], result["val_accuracy"])


def main() -> None:
    """Search until the process is ended."""
    options = arguments(__doc__).parse_args()
    problem = PROBLEMS[options.problem]
    ray.init(address="local", num_cpus=SLOTS, include_dashboard=False, log_to_driver=False)
    training = tune.with_parameters(Training, problem=problem, seed=options.seed)
    tune.Tuner(
        tune.with_resources(training, {"cpu": 1}),
        param_space=SPACE,
        tune_config=tune.TuneConfig(
            metric="val_accuracy",
            mode="max",
            search_alg=OptunaSearch(seed=options.seed),
            scheduler=ASHAScheduler(time_attr="training_iteration", max_t=problem.epochs),
            num_samples=-1,
            max_concurrent_trials=SLOTS,
            reuse_actors=True,
        ),
        run_config=tune.RunConfig(
            storage_path=str(options.folder / "tune"),
            callbacks=[Note(Events(options.folder / "events.jsonl"))],
            verbose=0,
        ),
    ).fit()


if __name__ == "__main__":
    main()
