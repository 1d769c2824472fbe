"""One trial of an image classifier: load the data, build the network, train it.

Importing this module loads no framework: the driver of a search reads space files, which import it, and would pay
TensorFlow's five seconds. The modules that train are imported where a trial begins.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any

from trainables.data import Data, Split
from trainables.datasets.arrays.not_finite import values_told
from trainables.datasets.find import find_dataset, find_images, no_images
from trainables.datasets.load import load_data, open_data
from trainables.datasets.settings import DATA_SETTINGS
from trainables.engines.runtime import configure, import_quietly, use_keras_defaults
from trainables.errors import TrainableError
from trainables.setting_table import OF_THE_SEARCH, check_settings
from trainables.settings.backbones import BACKBONES
from trainables.settings.changes import check_image_change, check_own_change
from trainables.settings.checks import check_image_settings, check_known_image_settings, check_training_settings
from trainables.settings.hyperparameters import check_names, check_names_with_fit
from trainables.settings.image import IMAGE_SETTINGS, ImageSettings, of_data, of_image_classifier, of_training
from trainables.settings.normalization import remarks_on_layers, remarks_on_normalization
from trainables.settings.regimes import check_weights_files
from trainables.trial import Config, Declaration, Metrics, Origin, Trial, declaration_of

Callbacks = Callable[[Config], Sequence[Any]]
Trainable = Callable[[Config, Trial], Generator[Metrics, None, None]]

METRICS = frozenset(
    {"loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "test_loss", "test_accuracy"}
    | {"baseline_accuracy", "num_parameters", "num_trainable_parameters", "sample_size"}
)
"""Names of a trial's metrics. The first five are yielded after every epoch, and with them `train_images` where the
training set grows; the others are yielded once, at the end."""
SMOKE = {"epochs": 1, "sample_size": 200, "evaluation_size": 200}
"""Settings of the shortest trial that still does everything."""


def warm_up() -> None:
    """Import what every trial needs."""
    import_quietly()
    _import_ours()


def warm_up_for_images() -> None:
    """Import what every trial of `train` needs: not pandas, whose tables only models of a user's own are trained on."""
    import_quietly(unneeded=("pandas",))
    _import_ours()


def _import_ours() -> None:
    import pyarrow.parquet  # noqa: F401, PLC0415  # writes the predictions of the best trials, of the first for one

    import trainables.own_models.choice  # noqa: PLC0415  # needs TensorFlow, see above
    import trainables.training.fitting  # noqa: PLC0415  # likewise
    import trainables.training.prepared  # noqa: F401, PLC0415  # likewise


def train(config: Config, trial: Trial) -> Generator[Metrics, None, None]:
    """Train one image classifier and yield its metrics after every epoch, and its test metrics at the end."""
    own = {name: (value,) for name, value in config.items() if name not in OF_THE_SEARCH}
    check_settings(own, IMAGE_SETTINGS | DATA_SETTINGS)
    yield from train_on(_images(config, trial), config, trial)


def _images(config: Config, trial: Trial) -> Data:
    data = load_data(config, trial)
    if data.info.input_shapes or not isinstance(data.train, Split):
        raise no_images(data.info)
    return data


def train_on(
    data: Data, config: Config, trial: Trial, callbacks: Callbacks | None = None
) -> Generator[Metrics, None, None]:
    """Do `train` with data that are loaded already, and with `callbacks` of Keras as in `train_calling`."""
    configure(trial.cpus, trial.gpus, trial.gpu_memory_mib)
    use_keras_defaults()
    from trainables.training.fitting import fit  # noqa: PLC0415  # needs TensorFlow, see above
    from trainables.training.prepared import engine_facts, prepared_fit, prepared_program  # noqa: PLC0415  # likewise

    if config.get("network") in BACKBONES:
        from trainables.training.regimes import train_transfer  # noqa: PLC0415  # needs TensorFlow, see above

        yield from train_transfer(data, config, trial, callbacks)
        return
    trial.facts |= engine_facts(ImageSettings.of(config), callbacks)
    if trial.facts["engine"] == "fit":
        yield from fit(prepared_fit(config, data, trial.seed, trial.cpus, callbacks), data, config, trial)
        return
    with prepared_program(config, data, trial.seed) as program:
        yield from fit(program, data, config, trial)


def train_calling(callbacks: Callbacks) -> Trainable:
    """Return `train` with callbacks of Keras: `callbacks(config)` gives those of one trial.

    They are told of one training, with every epoch and batch, and may end it. Names in the configuration that are not
    settings of `train` are theirs. Keras' `fit` does the training, and a trial that was cut off begins anew.
    """

    def train_told(config: Config, trial: Trial) -> Generator[Metrics, None, None]:
        settings = of_image_classifier(config)
        yield from train_on(_images(settings, trial), settings, trial, lambda _: callbacks(config))

    train_told.declaration = dataclasses.replace(  # type: ignore[attr-defined]
        declaration_of(train),
        metrics=None,
        check=check_known_image_settings,
        check_change=Declaration.check_change,
        warm_up=warm_up,
    )
    return train_told


def train_with(
    build: Callable[[Config, Data], Any],
    fit: Callable[..., Any] | None = None,
    callbacks: Callbacks | None = None,
) -> Trainable:
    """Return a trainable from `build(config, data) -> keras.Model`.

    The model takes pixels 0 to 255, shape (batch, height, width, channels). A model that is compiled is trained with
    its own loss, optimizer and metrics, each of which becomes a column. A model that is not compiled ends in one unit
    for each class, or in a single unit where there are two classes, with or without its softmax or sigmoid; it gets the
    loss and optimizer of `train`. The configuration may hold settings of its own; epochs, early stopping and data are
    those of `train`. The setting `engine` says whether a compiled program trains it or Keras' own `fit`, which takes
    any model.

    `fit(config, model, x, y, validation_data=, epochs=, callbacks=)` trains the model itself, as the `fit` of a
    KerasTuner HyperModel does: by `model.fit`, or in a loop that tells the callbacks of each epoch. Without it,
    `callbacks(config)` may give callbacks of Keras, see `train_calling`.
    """

    def train_own(config: Config, trial: Trial) -> Generator[Metrics, None, None]:
        configure(trial.cpus, trial.gpus, trial.gpu_memory_mib)  # First: a function of data may start TensorFlow.
        data = load_data({**of_data(config), **trial.asked}, trial, config)
        from trainables.own_models.choice import own_engine  # noqa: PLC0415  # needs TensorFlow, see above
        from trainables.training.fitting import fit as epochs_of  # noqa: PLC0415  # likewise

        if fit is not None:
            if trial.refits:
                raise TrainableError("a `fit` of the user's own chooses by validation images; it cannot train on them.")
            from trainables.training.users_fit import train_by_users_fit  # noqa: PLC0415  # needs TensorFlow, see above

            with values_told(data):
                yield from train_by_users_fit(build, fit, data, config, trial)
            return
        with values_told(data), own_engine(build, config, data, trial, callbacks) as (engine, own):
            yield from epochs_of(engine, data, {**of_training(config), **trial.asked}, trial, own)

    train_own.build = build  # type: ignore[attr-defined]
    train_own.declaration = Declaration(  # type: ignore[attr-defined]
        None,
        check_training_settings,
        find_dataset,
        smoke=SMOKE,
        warm_up=warm_up,
        open_data=open_data,
        check_change=Declaration.check_change if fit or callbacks else check_own_change,
        check_names=check_names_with_fit if fit else check_names,
        remarks_on_momentum=None if fit else remarks_on_layers,
        grows=fit is None,
        refits=True,
    )
    return train_own


def load_model(
    path: Path | str,
    build: Callable[[Config, Data], Any] | None = None,
    data_dir: Path | None = None,
    dataset: Callable[..., Any] | None = None,
) -> Any:
    """Return a stored model, even one of `train_with(build)` whose class Keras cannot make from the file alone.

    Such a model is built anew from the configuration of its trial, which is in the file, and gets the saved weights.
    `data_dir` is the folder of its data set; None stands for the cache of Keras. `dataset` is the function that gave
    its data, where one did.
    """
    from trainables.own_models.model_files import from_file  # noqa: PLC0415  # needs TensorFlow, see above

    return from_file(Path(path), None if build is None else lambda: _rebuilt(Path(path), build, data_dir, dataset))


def _rebuilt(path: Path, build: Callable[[Config, Data], Any], data_dir: Path | None, dataset: Any) -> Any:
    from trainables.own_models.choice import built_model  # noqa: PLC0415  # needs TensorFlow, see above
    from trainables.own_models.model_files import read_about, with_weights  # noqa: PLC0415  # likewise

    about = read_about(path)
    if dataset is not None:
        about["asked"]["dataset"] = dataset
    elif about["origin"] == Origin.FUNCTION:
        known = {**about["config"], **about["asked"]}["dataset"]
        raise TrainableError(f"the data of {path} came from the function {known}; expected it as dataset=.")
    trial = Trial(split_seed=about["split_seed"], data_dir=data_dir)
    data = load_data({**of_data(about["config"]), **about["asked"]}, trial, about["config"])
    return with_weights(built_model(build, about["config"], data, trial).model, path)


train.declaration = Declaration(  # type: ignore[attr-defined]
    METRICS,
    check_image_settings,
    find_images,
    smoke={**SMOKE, "image_size": 32},
    check_files=check_weights_files,
    warm_up=warm_up_for_images,
    open_data=open_data,
    check_change=check_image_change,
    remarks=remarks_on_normalization,
    grows=True,
    refits=True,
)
