"""Gives a HyperModel ranges and arguments of `compile` from outside, as KerasTuner's tuners take them."""

from __future__ import annotations

from typing import Any


def tailored(
    hypermodel: Any,
    hyperparameters: Any = None,
    *,
    tune_new_entries: bool = True,
    optimizer: Any = None,
    loss: Any = None,
    metrics: Any = None,
) -> Tailored:
    """Return the HyperModel, or function `build(hp)`, as a tuner of KerasTuner would build it with these arguments.

    `hyperparameters`, which are KerasTuner's own, are searched with their ranges whatever `build` says of them. What
    `build` asks for besides keeps its default where `tune_new_entries` is False. `optimizer`, `loss` and `metrics`
    replace those with which the model is compiled.
    """
    kind = TailoredWithFit if has_own_fit(hypermodel) else Tailored
    return kind(hypermodel, hyperparameters, tune_new_entries, (optimizer, loss, metrics))


def has_own_fit(hypermodel: Any) -> bool:
    """Return whether a HyperModel trains by a `fit` of its own, of its class or set on the object."""
    own = getattr(hypermodel, "fit", None)
    return own is not None and str(getattr(own, "__module__", "")).partition(".")[0] != "keras_tuner"


class Tailored:
    """What `tailored` returns; to the search it is a HyperModel like any other."""

    def __init__(
        self, hypermodel: Any, hyperparameters: Any, tune_new_entries: bool, compiled: tuple[Any, Any, Any]
    ) -> None:
        self._hypermodel, self._hyperparameters = hypermodel, hyperparameters
        self._tune_new_entries, self._compiled = tune_new_entries, compiled

    def build(self, hp: Any) -> Any:
        """Return the model for these hyperparameters."""
        if self._hyperparameters is not None:
            hp.merge(self._hyperparameters, overwrite=False)
        asked = hp if self._tune_new_entries else hp.copy()
        model = self._hypermodel.build(asked) if hasattr(self._hypermodel, "build") else self._hypermodel(asked)
        if any(given is not None for given in self._compiled):
            self._compile(model)
        return model

    def _compile(self, model: Any) -> None:
        import keras  # noqa: PLC0415  # takes seconds, and a space file imports this module

        optimizer, loss, metrics = self._compiled
        if optimizer is not None and not isinstance(optimizer, str):
            optimizer = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))  # Each model needs its own.
        model.compile(
            optimizer=model.optimizer if optimizer is None else optimizer,
            loss=model.loss if loss is None else loss,
            metrics=metrics,
        )


class TailoredWithFit(Tailored):
    """The same for a HyperModel that trains by its own `fit`."""

    def fit(self, hp: Any, model: Any, *args: Any, **kwargs: Any) -> Any:
        """Train the model as the HyperModel does."""
        return self._hypermodel.fit(hp, model, *args, **kwargs)
