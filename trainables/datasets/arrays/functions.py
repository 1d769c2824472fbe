"""A data set that is a function: `data(config, trial)` gives arrays, which are split here, or batches of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from trainables.datasets.arrays.examples import Examples, joined
from trainables.datasets.splits import TEST, TRAIN, VALIDATION
from trainables.errors import TrainableError
from trainables.trial import Trial

_WEIGHTS = "Weights of examples go with tf.data or PyDataset of (x, y, weight)."
DataFunction = Callable[[Mapping[str, object], Trial], Any]
_EXPECTED = (
    "expected (x, y), ((x, y), (x_test, y_test)), or train, validation and test as three such pairs or as three "
    "tf.data or PyDataset"
)


def call(function: DataFunction, config: Mapping[str, object], trial: Trial) -> Examples | tuple[Any, Any, Any]:
    """Return what the function gives: arrays with their published splits, or three data sets that give batches.

    Raises TrainableError for anything else.
    """
    given, name = function(config, trial), name_of(function)
    if not isinstance(given, tuple):
        raise TrainableError(f"{name} gave a {type(given).__name__}; {_EXPECTED}.")
    if len(given) == 3 and not any(isinstance(part, tuple) for part in given):
        _check_batches(given, name)
        return given
    if len(given) == 2 and not any(isinstance(part, tuple) or hasattr(part, "element_spec") for part in given):
        return joined({TRAIN: given}, name)
    if len(given) not in (2, 3) or not all(isinstance(part, tuple) and len(part) == 2 for part in given):
        hint = f" {_WEIGHTS}" if any(isinstance(part, tuple) and len(part) == 3 for part in given) else ""
        raise TrainableError(f"{name} gave {_described(given)}; {_EXPECTED}.{hint}")
    roles = (TRAIN, TEST) if len(given) == 2 else (TRAIN, VALIDATION, TEST)
    return joined(dict(zip(roles, given, strict=True)), name)


def _check_batches(given: tuple[Any, ...], name: str) -> None:
    """Raise TrainableError for three parts of which one gives no batches, or gives them only once."""
    for part in given:
        if hasattr(part, "shape") or isinstance(part, Mapping):
            raise TrainableError(f"{name} gave {_described(given)}; {_EXPECTED}. {_WEIGHTS}")
        if isinstance(part, list | str) or not (hasattr(part, "__iter__") or hasattr(part, "__getitem__")):
            raise TrainableError(f"{name} gave {_described(given)}; {_EXPECTED}.")
        if hasattr(part, "__next__"):
            raise TrainableError(
                f"{name} gave a {type(part).__name__}, which is empty after one epoch; {_EXPECTED}. Wrap it in "
                "tf.data.Dataset.from_generator."
            )


def without_a_batch(part: Any, where: str = "") -> TrainableError:
    """Return the error for an empty data set of batches, on which Keras trains nothing and says so nowhere."""
    return TrainableError(
        f"the function gives a {type(part).__name__} without a batch{where}; expected some for training, validation "
        "and test."
    )


def name_of(function: DataFunction) -> str:
    """Return what the function is called in messages."""
    return f"{getattr(function, '__name__', type(function).__name__)}()"


def _described(given: tuple[Any, ...]) -> str:
    inside = ", ".join(f"a tuple of {len(part)}" if isinstance(part, tuple) else type(part).__name__ for part in given)
    return f"a tuple of {len(given)} ({inside})"
