"""The data of one trial: three disjoint splits, which are views on arrays that all trials of a node share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables.errors import TrainableError
from trainables.trial import DatasetInfo

Inputs = NDArray[Any] | Mapping[str, NDArray[Any]]
"""The inputs of a model, one row for each example: one array, or one for each named input."""


@dataclass(frozen=True)
class Split:
    """Some rows of arrays; the arrays may be memory-mapped and larger than the split."""

    inputs: Inputs
    """Images have shape (rows, height, width, channels) and values 0 to 255; other arrays have any shape and type."""
    targets: NDArray[Any]
    """Class numbers from 0, shape (rows,), or, where there are no classes, numbers to predict, as they were given."""
    index: NDArray[np.int64]
    """The rows that belong to this split, shape (n,); nested sample sizes are prefixes of one order."""

    def __len__(self) -> int:
        return len(self.index)

    @property
    def images(self) -> NDArray[Any]:
        """The only input, for data such as images; raises TrainableError where there are several."""
        if isinstance(self.inputs, Mapping):
            raise TrainableError(
                f"the data have the inputs {', '.join(self.inputs)}; expected one. Use `take()[0][NAME]`."
            )
        return self.inputs

    @property
    def labels(self) -> NDArray[np.int64]:
        """The targets, for data whose targets are class numbers."""
        return self.targets

    def rows(self, index: NDArray[np.int64]) -> tuple[Inputs, NDArray[Any]]:
        """Return inputs and targets of some rows, in memory."""
        if isinstance(self.inputs, Mapping):
            return {name: array[index] for name, array in self.inputs.items()}, self.targets[index]
        return self.inputs[index], self.targets[index]

    def take(self) -> tuple[Any, NDArray[Any]]:
        """Return the split's own inputs, such as images of shape (n, height, width, channels), and targets, in memory.

        Several inputs are a dict of arrays by their names.
        """
        return self.rows(self.index)


@dataclass(frozen=True)
class Data:
    """Training, validation and test data: disjoint and stratified splits, which the split seed alone decides.

    Data that are not a Split give batches of their own: a tf.data data set, or a PyDataset of Keras, made by a
    function.
    """

    train: Split | Any
    validation: Split | Any
    test: Split | Any
    info: DatasetInfo

    @property
    def input_shape(self) -> Any:
        """Shape of one example, such as (28, 28, 1) or (13,), or a dict of shapes where there are several inputs.

        Raises TrainableError where the data give batches of their own.
        """
        if not isinstance(self.train, Split):
            raise TrainableError(f"{self.info.name} gives its own batches; write the shape of its inputs into build.")
        inputs = self.train.inputs
        if isinstance(inputs, Mapping):
            return {name: array.shape[1:] for name, array in inputs.items()}
        return inputs.shape[1:]
