"""Prepares the process that trains: imports TensorFlow once, quietly, with as many threads as the trial has cores."""

from __future__ import annotations

import os
import sys
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from trainables.engines.device import share_gpus


def configure(cpus: int, gpus: float = 0.0, gpu_memory_mib: int | None = None) -> None:
    """Import TensorFlow and Keras and give them the trial's share; only the first call in a process has an effect.

    Call it before any other module imports either. A process keeps the number of threads that it began with, so a later
    call with another number warns.
    """
    import_quietly()
    import tensorflow as tf  # noqa: PLC0415  # set first, because TensorFlow reads the environment when it is loaded

    tf.get_logger().setLevel("ERROR")
    threading = tf.config.threading
    if threading.get_intra_op_parallelism_threads() == cpus:
        return
    try:
        threading.set_intra_op_parallelism_threads(cpus)
        threading.set_inter_op_parallelism_threads(cpus)
        share_gpus(gpus, gpu_memory_mib)
    except RuntimeError:
        warnings.warn(f"TensorFlow has started before, and not with {cpus} threads: it keeps them", stacklevel=2)
    # In our graphs it finds nothing to improve (their operations are fused and none is dead), and it costs 0.1 s a
    # graph.
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})


def use_keras_defaults() -> None:
    """Have Keras read and compute as it does without a `keras.json`, in which a user may have asked for other things.

    Our networks take images with their channels last, and a setting says with which precision they compute: with
    another file they would be other networks. Models of a user's own follow that file, as under Keras alone.
    """
    import keras  # noqa: PLC0415  # imported by `configure`

    keras.config.set_image_data_format("channels_last")
    keras.config.set_floatx("float32")
    keras.config.set_epsilon(1e-7)


def import_quietly(unneeded: Sequence[str] = ()) -> None:
    """Import TensorFlow and Keras, which then have started nothing: a process may fork after that.

    `unneeded` are further packages that they would import and that nothing in this process hands to them.
    """
    if "tensorflow" in sys.modules:
        return
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _silent_stderr(), _without((*_UNUSED, *unneeded)):
        import keras  # noqa: F401, PLC0415  # inside, because importing this module must stay cheap


_UNUSED = ("sklearn", "matplotlib", "scipy", "IPython")
"""Packages that Keras, and an earlier Keras within TensorFlow, import if they are there, for wrappers, galleries,
sparse matrices and notebooks: a third of its 4 seconds, and 80 MiB."""


@contextmanager
def _without(names: Sequence[str]) -> Iterator[None]:
    """Let imports in the block find these packages missing; afterwards they can be imported again."""
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None is Python's own mark for "not there".
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


@contextmanager
def _silent_stderr() -> Iterator[None]:
    """Hold back what native code writes to file descriptor 2; show it after all if the block fails.

    TensorFlow writes its first lines before it reads its own log level, so no environment variable can silence them.
    """
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(stderr, held.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
