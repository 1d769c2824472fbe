"""Which names a HyperModel may give to hyperparameters of its own, where a search has settings of the same names."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from trainables.datasets.settings import DATA_SETTINGS
from trainables.errors import TrainableError

_OF_EPOCHS = frozenset(
    {"batch_size", "class_weight", "engine", "epochs", "patience", "reduce_factor", "reduce_on_plateau"}
)
"""Settings by which a trial is trained. What a model is compiled with is not among them: its own `compile` counts."""


def check_names(names: Collection[str]) -> Sequence[str]:
    """Return what is to be told of hyperparameters that also say how each trial is trained.

    Raises TrainableError for one that would change the data, which KerasTuner leaves to whoever searches.
    """
    check_names_with_fit(names)
    return [
        f"the HyperModel's hyperparameter '{name}' is a setting of the search too: each trial is trained by it. Give "
        "it another name in the model if that is not meant."
        for name in sorted(_OF_EPOCHS & set(names))
    ]


def check_names_with_fit(names: Collection[str]) -> Sequence[str]:
    """Do the same for a HyperModel that has a `fit`, which asks for its batch size and the like by these names."""
    for name in sorted(set(names) & DATA_SETTINGS.keys()):
        raise TrainableError(
            f"the HyperModel asks for a hyperparameter '{name}', which is a setting of the search too, and would "
            f"change the data of each trial; expected another name in the model. To have the data changed, give {name} "
            "in `fixed`."
        )
    return ()
