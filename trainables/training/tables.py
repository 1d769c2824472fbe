"""Writes the tables of a trial as Parquet. Arrow, given arrays, would import pandas: a third of a second of a core."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike


def write_table(columns: Mapping[str, ArrayLike], path: Path) -> None:
    """Write columns of numbers or texts, all of one length."""
    import pyarrow as pa  # noqa: PLC0415  # takes 0.2 s, and most trials save no tables
    import pyarrow.parquet  # noqa: PLC0415  # inside for the same reason

    arrays = [_column(np.asarray(values)) for values in columns.values()]
    pyarrow.parquet.write_table(pa.Table.from_arrays(arrays, names=list(columns)), path)


def _column(values: Any) -> Any:
    """Return an Arrow array of the numbers or texts of an array, shape (n,), from the bytes themselves."""
    import pyarrow as pa  # noqa: PLC0415  # as above

    if values.dtype.kind != "U":
        numbers = pa.py_buffer(np.ascontiguousarray(values))
        return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), [None, numbers])
    texts = [text.encode() for text in values.tolist()]
    ends = np.cumsum([0, *map(len, texts)], dtype=np.int32)
    return pa.Array.from_buffers(pa.string(), len(texts), [None, pa.py_buffer(ends), pa.py_buffer(b"".join(texts))])
