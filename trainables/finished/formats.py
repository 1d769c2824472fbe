"""Writes a Keras model in the formats of other programs, and runs what was written, so that it can be checked."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import shutil
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables.errors import TrainableError

Run = Callable[[NDArray[Any]], NDArray[Any]]
"""Function that runs a written model on images, shape (images, height, width, channels), and gives its outputs."""


@dataclass(frozen=True)
class Format:
    """One format: how a model is written, and how what was written is run."""

    suffix: str
    """End of the file's name."""
    write: Callable[[Any, Path], None]
    open: Callable[[Path], Run]
    packages: tuple[str, ...] = ()
    """Packages that it needs beyond those that the project needs."""
    extra: str = ""
    """Extra of the project that brings these packages."""


def write(model: Any, name: str, path: Path) -> Run:
    """Write the model in the format of that name, and return what runs it; raises TrainableError without its packages.

    Whatever is at `path` is replaced.
    """
    form = FORMATS[name]
    missing = [package for package in form.packages if find_spec(package) is None]
    if missing:
        raise TrainableError(
            f"format {name} needs {' and '.join(missing)}, which is not installed; expected the extra: "
            f"pip install 'keras-search[{form.extra}]'."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        shutil.rmtree(path)
    with _quiet():
        model(np.zeros((1, *(side or 1 for side in model.input_shape[1:])), np.float32), training=False)
        form.write(model, path)
        return form.open(path)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence, in the block, what converters print of their progress, and their warnings, which are not ours."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    kept = os.dup(2)
    try:
        with Path(os.devnull).open("w") as nothing, contextlib.redirect_stdout(io.StringIO()):
            sys.stderr.flush()
            os.dup2(nothing.fileno(), 2)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)
        logging.disable(level)


def _exported(form: str) -> Callable[[Any, Path], None]:
    return lambda model, path: model.export(str(path), format=form, verbose=False)


def _open_saved_model(path: Path) -> Run:
    served = sys.modules["tensorflow"].saved_model.load(str(path))
    return lambda images: _in_batches(lambda some: served.serve(some).numpy(), images)


def _open_tflite(path: Path) -> Run:
    interpreter = sys.modules["tensorflow"].lite.Interpreter(model_content=path.read_bytes())
    (given,), (found,) = interpreter.get_input_details(), interpreter.get_output_details()

    def run(some: NDArray[Any]) -> NDArray[Any]:
        interpreter.resize_tensor_input(given["index"], some.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(given["index"], some)
        interpreter.invoke()
        return np.asarray(interpreter.get_tensor(found["index"]))

    return lambda images: _in_batches(run, images)


def _open_onnx(path: Path) -> Run:
    import onnxruntime  # noqa: PLC0415  # an extra, which may be missing

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda images: _in_batches(lambda some: np.asarray(session.run(None, {name: some})[0]), images)


def _in_batches(run: Run, images: NDArray[Any], size: int = 128) -> NDArray[Any]:
    parts = [run(images[start : start + size].astype(np.float32)) for start in range(0, len(images), size)]
    return np.concatenate(parts)


FORMATS = {
    "savedmodel": Format("-savedmodel", _exported("tf_saved_model"), _open_saved_model),
    "tflite": Format(".tflite", _exported("litert"), _open_tflite),
    "onnx": Format(".onnx", _exported("onnx"), _open_onnx, ("tf2onnx", "onnx", "onnxruntime"), "onnx"),
}
