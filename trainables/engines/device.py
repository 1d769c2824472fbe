"""Gives a trial its GPUs: none, a share with a memory limit, or whole ones. Call it before TensorFlow is first used."""

from __future__ import annotations

import warnings

from trainables.errors import TrainableError


class GpuUnseen(TrainableError):
    """The node has a GPU for the trial, but TensorFlow cannot use it."""


def share_gpus(gpus: float, memory_mib: int | None = None) -> None:
    """Hide the GPUs from a trial that has none, limit the memory of a share, and let whole ones grow as needed.

    `memory_mib` is what the trial may take of each GPU, or None where that could not be measured: TensorFlow then takes
    memory as it needs it, without a limit. Raises GpuUnseen where the node has a GPU that TensorFlow does not see, and
    RuntimeError where TensorFlow has initialized its devices already.
    """
    import tensorflow as tf  # noqa: PLC0415  # inside, because importing this module must stay cheap

    if not gpus:
        tf.config.set_visible_devices([], "GPU")
        return
    devices = tf.config.list_physical_devices("GPU")
    if not devices and memory_mib is not None:
        raise GpuUnseen(
            "TensorFlow sees no GPU, though this node has one for the trial; install what it needs there: "
            "pip install 'keras-search[gpu]'."
        )
    if not devices:
        warnings.warn(f"the trial was given {gpus:g} GPUs and there is none: it trains on the CPU", stacklevel=3)
    for device in devices:
        if gpus < 1 and memory_mib is not None:
            limit = tf.config.LogicalDeviceConfiguration(memory_limit=memory_mib)
            tf.config.set_logical_device_configuration(device, [limit])
        else:
            tf.config.experimental.set_memory_growth(device, True)
