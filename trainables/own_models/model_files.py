"""Writes models into `.keras` files and reads them, also those that Keras cannot make from their file alone."""

from __future__ import annotations

import json
import warnings
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras

from trainables.errors import TrainableError
from trainables.wording import one_line

_ABOUT = "trial.json"
"""Name of the entry within a `.keras` file."""
LOAD_IT = "Load it with trainables.image_classifier.load_model(path, build)."
"""Advice in a trial's output where the file alone does not suffice to make the model."""


def write(model: keras.Model, path: Path, *, described: bool = True) -> bool:
    """Save the model, without what Keras cannot write down; returns whether the file describes its network.

    That may be a loss that is a function within a function, or arguments of a class of the user's own that has no
    `get_config`. From a file that is not `described` Keras makes no model, and says why.
    """
    try:
        model.get_compile_config()
    except Exception as error:  # A loss or an optimizer of the user's own may raise anything.
        print(f"Keras cannot store what the model was compiled with ({error}); its file holds network and weights.")
        model.get_compile_config = lambda: None
    if not described:
        model.get_config = dict
    try:
        model.save(path)
    except Exception:
        why = _why_not_described(model)
        if why is None:
            raise
        print(f"Keras cannot store how the model is made ({line_of(why)}); its file holds the weights.")
        return write(model, path, described=False)
    finally:
        for replaced in ("get_compile_config", "get_config"):
            vars(model).pop(replaced, None)
    if not described:
        _leave_description_out(path)
    return described


def _leave_description_out(path: Path) -> None:
    """Name a class that nobody has, whose name Keras tells, in the place of the description of a saved model."""
    with zipfile.ZipFile(path) as file:
        entries = {name: file.read(name) for name in file.namelist()}
    nothing: dict[str, object] = {"module": None, "class_name": LOAD_IT, "config": {}, "registered_name": LOAD_IT}
    with zipfile.ZipFile(path, "w") as file:
        for name, content in {**entries, "config.json": json.dumps(nothing).encode()}.items():
            file.writestr(name, content)


def _why_not_described(model: keras.Model) -> Exception | None:
    try:
        model.get_config()
    except Exception as error:  # A class of the user's own may raise anything.
        return error
    return None


def line_of(error: Exception) -> str:
    """Return kind and first words of an error on one line."""
    return f"{type(error).__name__}: {one_line(error)[:200]}"


def from_file(path: Path, rebuild: Callable[[], keras.Model] | None) -> keras.Model:
    """Return a stored model as Keras loads it, or, where Keras cannot, a model built anew with the stored weights.

    Raises TrainableError where Keras cannot make the model and there is no way to rebuild it.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Skipping variable loading for optimizer")
        try:
            return keras.models.load_model(path)
        except Exception as error:  # A class of the user's own may raise anything.
            if rebuild is None:
                raise TrainableError(
                    f"Keras cannot make the model of {path} from its file alone: {one_line(error)[:200]} {LOAD_IT}"
                ) from error
    return rebuild()


def with_weights(model: keras.Model, path: Path) -> keras.Model:
    """Return the model with the weights of a saved model of the same build."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Skipping variable loading for optimizer")  # It is not trained any further.
        model.load_weights(path)
    return model


def add_about(path: Path, about: Mapping[str, object]) -> None:
    """Keep beside the weights what `build` was given; Keras does not look at it."""
    with zipfile.ZipFile(path, "a") as file:
        file.writestr(_ABOUT, json.dumps(about, default=_text))


def _text(value: object) -> str:
    """Return a value that JSON does not know as text; a function by its name, with brackets behind it."""
    return f"{getattr(value, '__name__', type(value).__name__)}()" if callable(value) else str(value)


def read_about(path: Path) -> dict[str, Any]:
    """Return what `add_about` kept; raises TrainableError where there is nothing."""
    with zipfile.ZipFile(path) as file:
        if _ABOUT not in file.namelist():
            raise TrainableError(f"{path} holds none of `train_with`'s models; keras.models.load_model loads it.")
        about: dict[str, Any] = json.loads(file.read(_ABOUT))
    return about
