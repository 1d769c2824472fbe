"""One trial of an image classifier: load the data, build the network, train it.

Stands on no framework when it is imported: the driver of a search reads space files, which import this module, and
would pay TensorFlow's five seconds. The training modules are imported where a trial begins.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

from trainables.backbones.catalogue import BACKBONES
from trainables.backbones.settings import check_weights_files
from trainables.data import Data
from trainables.datasets.find import find_dataset
from trainables.datasets.load import load_data
from trainables.datasets.settings import DATA_SETTINGS
from trainables.image_settings import IMAGE_SETTINGS, check_image_settings
from trainables.settings import check_settings
from trainables.training.runtime import configure
from trainables.trial import Config, DatasetInfo, Declaration, Metrics, Trial

METRICS = frozenset(
    {"loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "test_loss", "test_accuracy"}
    | {"baseline_accuracy", "num_parameters", "num_trainable_parameters", "sample_size"}
)
"""What a trial yields: the first five after every epoch (where the training set grows `train_images` too), the others
once at the end."""
SMOKE = {"epochs": 1, "sample_size": 200, "evaluation_size": 200}
"""The shortest trial that still does everything."""


def train(config: Config, trial: Trial) -> Generator[Metrics, None, None]:
    """Train one image classifier and yield its metrics after every epoch, and its test metrics at the end."""
    check_settings({name: (value,) for name, value in config.items()}, IMAGE_SETTINGS | DATA_SETTINGS)
    data = load_data(config, trial)
    yield from train_on(data, config, trial)


def train_on(data: Data, config: Config, trial: Trial) -> Generator[Metrics, None, None]:
    """Do `train` with data that is loaded already."""
    configure(trial.cpus, trial.gpus, trial.gpu_memory_mib)
    from trainables.training.fitting import fit  # noqa: PLC0415  # needs TensorFlow, see above
    from trainables.training.prepared import prepared_program  # noqa: PLC0415  # needs TensorFlow, see above

    if config.get("network") in BACKBONES:
        from trainables.regimes import train_transfer  # noqa: PLC0415  # needs TensorFlow, see above

        yield from train_transfer(data, config, trial)
        return
    with prepared_program(config, data, trial.seed) as program:
        yield from fit(program, data, config, trial)


def train_with(build: Callable[[Config, Data], Any]) -> Callable[[Config, Trial], Generator[Metrics, None, None]]:
    """A trainable from `build(config, data) -> keras.Model`.

    The model takes pixels 0 to 255, shape (batch, height, width, channels), and ends in one softmax unit per class,
    or in one sigmoid unit. The configuration may hold settings of its own; loss, optimizer, epochs, early stopping
    and data are those of `train`.
    """

    def train_own(config: Config, trial: Trial) -> Generator[Metrics, None, None]:
        data = load_data(config, trial)
        configure(trial.cpus, trial.gpus, trial.gpu_memory_mib)
        from trainables.training.fitting import fit  # noqa: PLC0415  # needs TensorFlow, see above
        from trainables.training.prepared import own_program  # noqa: PLC0415  # needs TensorFlow, see above

        with own_program(build, config, data, trial.seed) as program:
            yield from fit(program, data, config, trial)

    train_own.declaration = Declaration(  # type: ignore[attr-defined]
        METRICS, _check_own, find_dataset, smoke=SMOKE, grows=True
    )
    return train_own


def _check_own(settings: Mapping[str, Sequence[object]], info: DatasetInfo | None) -> None:
    check_image_settings(settings, info, others_allowed=True)


train.declaration = Declaration(  # type: ignore[attr-defined]
    METRICS,
    check_image_settings,
    find_dataset,
    smoke={**SMOKE, "image_size": 32},
    check_files=check_weights_files,
    grows=True,
)
