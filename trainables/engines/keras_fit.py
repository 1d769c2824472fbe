"""The engine that trains any model by Keras' own `fit`, which it calls once for each epoch.

A trial must be able to end, to be saved and to see other images after any epoch, and what is random in an epoch must
follow from its number alone; so one call for all epochs would not do. What `fit` keeps from epoch to epoch lies in the
model and its optimizer and stays there: weights, statistics, slots, loss scales, and `iterations`, which learning-rate
schedules go by. The trial tells early stopping and the plateau rule of each epoch, so that no callback sees a training
begin twice. What `fit` does once, after its last epoch, is left out: it would replace the weights that train on, and
those of the best epoch, by moving averages of the weights (`use_ema`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from trainables.data import Data, Split
from trainables.engines.batches import Labels, check_gave_batches, feeds, is_arrays, told_as_by_one_fit
from trainables.engines.classes import balanced_weights
from trainables.engines.contract import FIT, Evaluation, State, as_probabilities, check_metric_names, evaluation_batch
from trainables.engines.initial_weights import Weights
from trainables.engines.mixing import Mixing
from trainables.engines.seeds import Stream, derived_seed
from trainables.engines.users_callbacks import RateOfEpoch, UsersCallbacks
from trainables.errors import TrainableError
from trainables.settings.image import ImageSettings
from trainables.trial import Metrics

_FEW_BATCHES = 8
"""Number of batches of a test up to which a plain model predicts without a trace."""


class KerasFit:
    """Trains one compiled model by `fit`; every trial has an engine of its own."""

    name = FIT

    def __init__(
        self,
        model: keras.Model,
        labels: Labels,
        cpus: int,
        *,
        logits: bool,
        first_place: int = 0,
        mixing: Mixing | None = None,
        callbacks: Any = (),
    ) -> None:
        """Prepare a compiled model; `logits` says whether it ends in front of its softmax or sigmoid.

        `first_place` is the number of variables of a larger model in front of this one, as in Program. `mixing` of
        training images needs one-hot labels. A trial with `callbacks` cannot be continued, because what they keep is
        not known.
        """
        self.model = model
        self.labels, self._logits, self._first_place = labels, logits, first_place
        self._trained, self._evaluated = feeds(labels, cpus)
        self._mixing, self._callbacks, self._epoch = mixing, UsersCallbacks(callbacks), 0
        if model.optimizer is not None:
            model.optimizer.build(model.trainable_variables)  # A checkpoint then finds where its values belong.
        for optimizer in _optimizers(model):
            # Keras sums gradients over replicas even if there is only one, and keeps the traced graph for ever.
            optimizer._all_reduce_sum_gradients = list
        has_one_optimizer = len(_optimizers(model)) == len(_with_inner(model.optimizer))
        self.can_be_saved = has_one_optimizer and not self._callbacks.callbacks

    @property
    def stops(self) -> bool:
        """Whether a callback of the user's own has ended the training."""
        return bool(self._callbacks.callbacks and self.model.stop_training)

    @property
    def optimizer(self) -> Any:
        """The optimizer that the model was compiled with, or None where it trains without one."""
        return self.model.optimizer

    def learning_rate(self) -> float:
        """Return the learning rate of the next step, or NaN where the optimizer has none."""
        rate = getattr(self.optimizer, "learning_rate", None)
        return float("nan") if rate is None else float(keras.ops.convert_to_numpy(rate))

    def seed_layers(self, seed: int, epoch: int) -> None:
        """Seed dropout and augmentation with what belongs to this epoch of this seed."""
        self._epoch = epoch
        for place, variable in enumerate(self.model.non_trainable_variables):
            if variable.name == "seed_generator_state":
                number = derived_seed(seed, Stream.LAYERS, epoch, self._first_place + place)
                variable.assign(np.array([number, 0], variable.dtype))
        if self._mixing is not None:
            self._mixing.seed(seed, epoch)

    def train_epoch(self, data: Data, order: NDArray[np.int64], settings: ImageSettings) -> Metrics:
        """Train one epoch by `fit` on the training images in this order, validate, and return the logs of `fit`.

        Where callbacks of the user's own may have set it, the learning rate with which the epoch began is among them.
        """
        examples = self._trained.batches(data.train, settings.batch_size, order)
        validation = self._evaluated.batches(data.validation, evaluation_batch(settings, self.model))
        if isinstance(data.train, Split):
            _make_variables(self.model, examples.element_spec)
        rate = RateOfEpoch()
        with (
            _goes_on(self.model),
            told_as_by_one_fit(examples, is_first=not self._callbacks.has_begun),
            self._callbacks.one_epoch(settings.epochs) as callbacks,
        ):
            history = self.model.fit(
                examples if self._mixing is None else examples.map(self._mixing),
                validation_data=validation,
                class_weight=self._class_weights(data) if settings.class_weight else None,
                callbacks=[*callbacks, rate] if callbacks else None,
                initial_epoch=self._epoch - 1,
                epochs=self._epoch,
                shuffle=isinstance(data.train, keras.utils.PyDataset),  # Images come in their order already.
                verbose=0,
            )
        logs = {name: values[-1] for name, values in history.history.items()}
        validated = {name for name in logs if name.startswith("val_")}
        check_gave_batches(data.train, bool(logs.keys() - validated), f" for training in epoch {self._epoch}")
        check_gave_batches(data.validation, bool(validated), f" for validation in epoch {self._epoch}")
        check_metric_names(logs)
        return {**logs, "learning_rate": rate.value} if callbacks else logs

    def end_training(self) -> None:
        """Tell the user's callbacks that the training has ended."""
        self._callbacks.end()

    def evaluation(self, split: Split, batch_size: int) -> Evaluation:
        """Return the logs of `evaluate` and the outputs of `predict`."""
        examples = self._evaluated.batches(split, batch_size)
        metrics = self.model.evaluate(examples, verbose=0, return_dict=True)
        check_gave_batches(split, bool(metrics), " for the test")
        outputs = self._outputs(examples, len(split) / batch_size if isinstance(split, Split) else None)
        says_classes = is_arrays(outputs) and outputs.ndim == 2 and self.labels.fits(outputs.shape[1])
        return Evaluation(metrics, outputs, as_probabilities(outputs, logits=self._logits) if says_classes else None)

    def _outputs(self, examples: Any, num_batches: float | None) -> Any:
        """Return the outputs of `predict`: its trace costs more than a few batches, which are predicted without it."""
        foreign = not type(self.model).__module__.startswith("keras.")
        if num_batches is None or num_batches > _FEW_BATCHES or foreign or self.model.jit_compile:
            return self.model.predict(examples, verbose=0)
        parts = [self.model.predict_step(batch) for batch in examples]
        return keras.tree.map_structure(lambda *arrays: np.concatenate(arrays), *parts)

    def _class_weights(self, data: Data) -> dict[int, float]:
        if not self.labels.num_classes or not isinstance(data.train, Split):
            raise TrainableError(f"class_weight is set and '{data.info.name}' gives no classes to weigh. Remove it.")
        return dict(enumerate(balanced_weights(data.train, self.labels.num_classes).tolist()))

    def get_weights(self) -> Weights:
        """Return the weights in the order of `model.weights`."""
        return list(self.model.get_weights())

    def set_weights(self, weights: Weights) -> None:
        """Set the weights, given in the order of `model.weights`."""
        self.model.set_weights(weights)

    def state(self) -> State:
        """Return the weights and what the optimizer remembers."""
        variables = self.optimizer.variables if self.optimizer is not None else []
        optimizer = {f"optimizer_{i}": np.asarray(variable.numpy()) for i, variable in enumerate(variables)}
        return optimizer | {f"weight_{i}": np.array(value) for i, value in enumerate(self.get_weights())}

    def restore(self, state: State) -> None:
        """Continue from what `state` returned."""
        self.set_weights([state[f"weight_{i}"] for i in range(len(self.model.weights))])
        for i, variable in enumerate(self.optimizer.variables if self.optimizer is not None else []):
            variable.assign(state[f"optimizer_{i}"])


def _make_variables(model: keras.Model, batch: Any) -> None:
    """Let Keras make the variables of metrics and losses now, as it does where models are spread over devices.

    By itself it makes them while it traces the first step, which TensorFlow then traces a second time.
    """
    with suppress(Exception):  # `fit` itself tells what is wrong with a model.
        model._symbolic_build(data_batch=batch)


@contextmanager
def _goes_on(model: keras.Model) -> Iterator[None]:
    """Keep a call of `fit` in the block from doing what belongs after the last epoch of a training."""
    averaging = [optimizer for optimizer in _with_inner(model.optimizer) if getattr(optimizer, "use_ema", False)]
    for optimizer in averaging:
        optimizer.finalize_variable_values = lambda _variables: None
    try:
        yield
    finally:
        for optimizer in averaging:
            del optimizer.finalize_variable_values


def _optimizers(model: keras.Model) -> list[Any]:
    """Return all optimizers that are attributes of the model: one with its own training step may have several."""
    found = [value for value in vars(model).values() if isinstance(value, keras.optimizers.Optimizer)]
    return [each for optimizer in found for each in _with_inner(optimizer)]


def _with_inner(optimizer: Any) -> list[Any]:
    """Return the optimizer and, if it scales the loss for another one, that one too."""
    return [each for each in (optimizer, getattr(optimizer, "inner_optimizer", None)) if each is not None]
