"""Optuna's TPE with its Hyperband pruner, as one of two processes that share a study in a journal file.

Its documentation has this for several processes on one machine; `n_jobs` would be threads of one process.
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
    parser = arguments(__doc__)
    parser.add_argument("--worker", type=int, default=0)
    options = parser.parse_args()
    import keras  # noqa: PLC0415  # behind the options, which are refused at once
    import optuna  # noqa: PLC0415  # likewise
    from optuna.storages import JournalStorage  # noqa: PLC0415  # likewise
    from optuna.storages.journal import JournalFileBackend  # noqa: PLC0415  # likewise

    one_thread()
    problem, events = PROBLEMS[options.problem], Events(options.folder / "events.jsonl")
    train, validation = load_arrays(problem, options.seed)

    class Prune(keras.callbacks.Callback):
        """What the callback of optuna-integration does."""

        def __init__(self, trial: optuna.Trial) -> None:
            super().__init__()
            self._trial, self.best = trial, 0.0

        def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
            value = (logs or {})["val_accuracy"]
            self.best = max(self.best, value)
            events.add(str(self._trial.number), epoch + 1, value)
            self._trial.report(value, epoch + 1)
            if self._trial.should_prune():
                raise optuna.TrialPruned

    def objective(trial: optuna.Trial) -> float:
        keras.backend.clear_session()
        model = build_model(
            problem,
            train[0].shape[1:],
            filters=trial.suggest_categorical("filters", FILTERS),
            kernel_size=trial.suggest_categorical("kernel_size", KERNEL_SIZES),
            dropout=trial.suggest_float("dropout", *DROPOUT),
            head_dropout=trial.suggest_float("head_dropout", *DROPOUT),
            learning_rate=trial.suggest_float("learning_rate", *LEARNING_RATE, log=True),
        )
        prune = Prune(trial)
        fit: dict[str, Any] = {"batch_size": problem.batch_size, "epochs": problem.epochs, "verbose": 0}
        model.fit(*train, validation_data=validation, callbacks=[prune], **fit)
        return prune.best

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        study_name="real",
        storage=JournalStorage(JournalFileBackend(str(options.folder / "study.journal"))),
        load_if_exists=True,
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=2 * options.seed + options.worker),
        pruner=optuna.pruners.HyperbandPruner(min_resource=1, max_resource=problem.epochs, reduction_factor=3),
    )
    study.optimize(objective)


if __name__ == "__main__":
    main()
