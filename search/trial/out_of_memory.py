"""Whether an exception says that memory ran out, or that a GPU is gone.

Exceptions are known by name and text, so that no training framework is imported here.
"""

from __future__ import annotations

from collections.abc import Mapping

_BY_NAME = {"ResourceExhaustedError", "OutOfMemoryError", "MemoryError"}
"""Names of TensorFlow's exception, of torch's, and of Python's and NumPy's."""
_BY_TEXT = ("RESOURCE_EXHAUSTED", "CUDA_ERROR_OUT_OF_MEMORY", "CUDNN_STATUS_ALLOC_FAILED", "CUBLAS_STATUS_ALLOC_FAILED")
"""Marks in the text of XLA's and TensorFlow's internal errors."""
_ON_HOST = ("device:CPU", "by allocator cpu", "host memory")
"""Marks of an error that is about the memory of the machine, not of a GPU."""
_GPU_GONE = (
    "CUDA_ERROR_NO_DEVICE",
    "CUDA_ERROR_DEVICE_UNAVAILABLE",
    "CUDA_ERROR_ECC_UNCORRECTABLE",
    "CUDA_ERROR_ILLEGAL_ADDRESS",
    "CUDA_ERROR_LAUNCH_FAILED",
    "CUDA_ERROR_NOT_INITIALIZED",
    "CUDA_ERROR_SYSTEM_NOT_READY",
    "CUDA_ERROR_UNKNOWN",
    "no CUDA-capable device",
    "GPU is lost",
)
"""Marks of errors after which a process can no longer use its GPU, even where another process can."""


def out_of_memory(error: BaseException) -> str | None:
    """`GPU` or `host` where the error is that memory ran out, else None."""
    names = {kind.__name__ for kind in type(error).__mro__}
    text = str(error)
    if not names & _BY_NAME and not any(mark in text for mark in _BY_TEXT):
        return None
    return "host" if isinstance(error, MemoryError) or any(mark in text for mark in _ON_HOST) else "GPU"


def lost_gpu(error: BaseException) -> bool:
    """Whether the process has no working GPU any more."""
    text = str(error)
    return any(mark in text for mark in _GPU_GONE)


def exhausted_line(where: str, config: Mapping[str, object], gpus: float, limit_mib: int | None) -> str:
    """One line: which memory ran out, at which batch size and share, and what to lower or raise."""
    batch = f" with batch_size={config['batch_size']}" if "batch_size" in config else ""
    if where == "host":
        return (
            f"out of host memory{batch}; lower batch_size or sample_size, or run fewer trials at once "
            "(--max-concurrent, --cpus-per-trial)"
        )
    share = "a whole GPU" if gpus == 1 else f"{gpus:g} GPUs" if gpus > 1 else f"{gpus:g} of a GPU"
    limit = f", {limit_mib / 1024:.1f} GiB each" if limit_mib else ""
    more = " or raise --gpus-per-trial" if gpus < 1 else ""
    return f"out of GPU memory{batch} ({share}{limit}); lower batch_size{more}"
