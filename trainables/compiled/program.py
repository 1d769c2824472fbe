"""A network and its optimizer, compiled once for whole epochs, and used by one trial after another.

All trainable weights lie in one vector, of which the layers see pieces. The optimizer then updates one variable instead
of dozens: every rule that treats each weight by itself gives the same numbers, and small networks spend less time
between operations than with `fit`. What varies from trial to trial without changing the graph (weights, rates, seeds,
sizes of batches and of the data) enters as variables and arguments, so a later trial needs no new trace.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from trainables.compiled.chunks import Chunk, chunks
from trainables.compiled.objective import ClassNumbers, Objective
from trainables.compiled.optimizers import set_weight_decay
from trainables.compiled.schedules import start_rate
from trainables.data import Data, Split
from trainables.engines.classes import balanced_weights
from trainables.engines.contract import COMPILED, Evaluation, State, as_probabilities, evaluation_batch
from trainables.engines.initial_weights import Weights
from trainables.engines.layers import Dropout, leaves, output_shape
from trainables.engines.seeds import Stream, derived_seed
from trainables.settings.image import ImageSettings
from trainables.trial import Metrics


class Program:
    """One model with compiled functions that train an epoch and evaluate; every trial sets its state anew."""

    name = COMPILED
    can_be_saved = True
    stops = False

    def __init__(
        self,
        model: keras.Model,
        optimizer: keras.optimizers.Optimizer,
        image_shape: tuple[int, ...],
        *,
        image_dtype: str = "uint8",
        first_place: int = 0,
        logits: bool = False,
        objective: Objective | None = None,
    ) -> None:
        """Compile the model; `logits` says whether it ends in front of its softmax or sigmoid.

        `first_place` is the number of variables of a larger model in front of this one; both then draw the same
        numbers. Without an `objective`, the outputs are held against class numbers.
        """
        self.model = model
        self.image_shape = image_shape
        self._image_dtype = image_dtype
        self._first_place = first_place
        self._logits = logits
        self._units = output_shape(model, image_shape)[-1] or 1
        self.optimizer = optimizer
        self._dropouts = [layer for layer in leaves(model) if isinstance(layer, Dropout)]
        self.num_classes = max(2, self._units)
        self._shapes = [tuple(variable.shape) for variable in model.trainable_variables]
        self._sizes = [int(np.prod(shape)) for shape in self._shapes]
        self._places = _places(model)
        self._objective = objective or ClassNumbers(self._units, logits=logits)
        self._vector = keras.Variable(np.zeros(sum(self._sizes), np.float32), name="trainable_weights")
        optimizer.build([self._vector])
        self._fresh_optimizer = [variable.numpy() for variable in optimizer.variables]
        self._others = [tf.convert_to_tensor(variable) for variable in model.non_trainable_variables]
        self._compile()

    def _compile(self) -> None:
        images = tf.TensorSpec((None, *self.image_shape), self._image_dtype)
        labels = tf.TensorSpec((None,), tf.int32)
        batch_size = tf.TensorSpec((), tf.int32)
        others = [tf.TensorSpec(value.shape, value.dtype) for value in self._others]
        weights = tf.TensorSpec((self.num_classes,), tf.float32)
        self._train = _traced(self._train_chunk, images, labels, batch_size, others, weights)
        self._evaluate = _traced(self._evaluate_chunk, images, labels, batch_size, others)

    def start(self, weights: Weights, settings: ImageSettings, rates: Sequence[float] | None = None) -> None:
        """Set the state of a trial before its first step; `rates` replace the dropout rates of the settings."""
        self.set_weights(weights)
        for variable, value in zip(self.optimizer.variables, self._fresh_optimizer, strict=True):
            variable.assign(value)
        start_rate(self.optimizer, settings)
        self._objective.start(settings)
        set_weight_decay(self.optimizer, settings.weight_decay)
        rates = [getattr(settings, layer.setting) for layer in self._dropouts] if rates is None else rates
        for layer, rate in zip(self._dropouts, rates, strict=True):
            layer.rate_now.assign(rate)

    def seed_layers(self, seed: int, epoch: int) -> None:
        """Seed dropout and augmentation with what belongs to this epoch of this seed."""
        for place, variable in enumerate(self.model.non_trainable_variables):
            if variable.name == "seed_generator_state":
                number = derived_seed(seed, Stream.LAYERS, epoch, self._first_place + place)
                state = np.array([number, 0])
                self._others[place] = tf.constant(state, self._others[place].dtype)
        self._objective.seed(seed, epoch)

    def train(
        self, chunks: Iterable[Chunk], batch_size: int, class_weights: NDArray[np.float32] | None = None
    ) -> tuple[float, float]:
        """Train one epoch over the chunks in their order and return loss and accuracy, both means over the images."""
        weights = tf.constant(np.ones(self.num_classes, np.float32) if class_weights is None else class_weights)
        size = tf.constant(batch_size)
        loss, correct, rows = 0.0, 0.0, 0
        for images, labels in chunks:
            loss_sum, correct_sum, self._others = self._train(
                tf.constant(images), tf.constant(labels), size, self._others, weights
            )
            loss, correct, rows = loss + float(loss_sum), correct + float(correct_sum), rows + len(labels)
        return loss / rows, correct / rows

    def evaluate(self, chunks: Iterable[Chunk], batch_size: int) -> tuple[float, float, NDArray[np.float32]]:
        """Return loss, accuracy and outputs, shape (images, units), without dropout and augmentation."""
        size = tf.constant(batch_size)
        loss, correct, parts = 0.0, 0.0, []
        for images, labels in chunks:
            loss_sum, correct_sum, outputs = self._evaluate(
                tf.constant(images), tf.constant(labels), size, self._others
            )
            loss, correct = loss + float(loss_sum), correct + float(correct_sum)
            parts.append(outputs.numpy())
        outputs = np.concatenate(parts)
        return loss / len(outputs), correct / len(outputs), outputs

    def train_epoch(self, data: Data, order: NDArray[np.int64], settings: ImageSettings) -> Metrics:
        """Train on the training images in this order, validate, and return loss and accuracy of both."""
        weights = balanced_weights(data.train, self.num_classes) if settings.class_weight else None
        loss, accuracy = self.train(chunks(data.train, settings.batch_size, order), settings.batch_size, weights)
        validation = self.evaluation(data.validation, evaluation_batch(settings, self.model)).metrics
        return {"loss": loss, "accuracy": accuracy, **{f"val_{name}": value for name, value in validation.items()}}

    def end_training(self) -> None:
        """Do nothing, because nothing is left to do."""

    def evaluation(self, split: Split, batch_size: int) -> Evaluation:
        """Return loss and accuracy, outputs and probabilities of a split."""
        loss, accuracy, outputs = self.evaluate(chunks(split, batch_size), batch_size)
        probabilities = as_probabilities(outputs, logits=self._logits)
        return Evaluation({"loss": loss, "accuracy": accuracy}, outputs, probabilities)

    def learning_rate(self) -> float:
        """Return the learning rate of the next step."""
        return float(self.optimizer.learning_rate)

    def _train_chunk(self, images: Any, labels: Any, batch_size: Any, others: Any, class_weights: Any) -> Any:
        rows = tf.shape(labels)[0]

        def step(start: Any, loss_sum: Any, correct: Any, others: Any) -> Any:
            end = tf.minimum(start + batch_size, rows)
            x, y = self._objective.begin(images[start:end], labels[start:end])
            vector = tf.convert_to_tensor(self._vector)
            with tf.GradientTape() as tape:
                tape.watch(vector)
                outputs, losses, others = self._call(x, self._pieces(vector), others, training=True)
                weights = tf.gather(class_weights, self._objective.classes(y))
                loss = tf.add_n([self._objective.loss(y, outputs, sample_weight=weights), *losses])
            self.optimizer.apply([tape.gradient(loss, vector)], [self._vector])
            self._constrain()
            loss_sum += loss * tf.cast(end - start, tf.float32)
            return end, loss_sum, correct + tf.reduce_sum(self._objective.correct(y, outputs)), others

        _, loss_sum, correct, others = tf.while_loop(
            lambda start, *_: start < rows, _apart(step), [0, 0.0, 0.0, others], parallel_iterations=1
        )
        return loss_sum, correct, others

    def _evaluate_chunk(self, images: Any, labels: Any, batch_size: Any, others: Any) -> Any:
        rows = tf.shape(labels)[0]
        pieces = self._pieces(tf.convert_to_tensor(self._vector))
        collected = tf.TensorArray(
            tf.float32, size=0, dynamic_size=True, infer_shape=False, element_shape=(None, self._units)
        )

        def step(start: Any, loss_sum: Any, correct: Any, collected: Any) -> Any:
            end = tf.minimum(start + batch_size, rows)
            y = self._objective.targets(labels[start:end])
            outputs, losses, _ = self._call(images[start:end], pieces, others, training=False)
            loss_sum += tf.add_n([self._objective.loss(y, outputs), *losses]) * tf.cast(end - start, tf.float32)
            correct += tf.reduce_sum(self._objective.correct(y, outputs))
            return end, loss_sum, correct, collected.write(collected.size(), outputs)

        _, loss_sum, correct, collected = tf.while_loop(
            lambda start, *_: start < rows, _apart(step), [0, 0.0, 0.0, collected], parallel_iterations=1
        )
        return loss_sum, correct, tf.ensure_shape(collected.concat(), (None, self._units))

    def _call(self, images: Any, pieces: list[Any], others: list[Any], *, training: bool) -> tuple[Any, Any, list[Any]]:
        """Return outputs, regularization losses, and new values of the variables that are not trained."""
        variables = self.model.non_trainable_variables
        values = [*zip(self.model.trainable_variables, pieces, strict=True), *zip(variables, others, strict=True)]
        with keras.StatelessScope(state_mapping=values, collect_losses=True) as scope:
            outputs = self.model(tf.cast(images, tf.float32), training=training)
            losses = list(self.model.losses)
        return outputs, losses, [tf.convert_to_tensor(scope.get_current_value(variable)) for variable in variables]

    def _pieces(self, vector: Any) -> list[Any]:
        parts = tf.split(vector, self._sizes) if self._sizes else []
        return [tf.reshape(part, shape) for part, shape in zip(parts, self._shapes, strict=True)]

    def _constrain(self) -> None:
        """Apply the constraints of single weights, if there are any, as Keras does after every step."""
        constraints = [variable.constraint for variable in self.model.trainable_variables]
        if any(constraints):
            pieces = self._pieces(tf.convert_to_tensor(self._vector))
            bound = [keep(piece) if keep else piece for keep, piece in zip(constraints, pieces, strict=True)]
            self._vector.assign(tf.concat([tf.reshape(piece, [-1]) for piece in bound], 0))

    def get_weights(self) -> Weights:
        """Return the weights in the order of `model.weights`."""
        vector = np.split(self._vector.numpy(), np.cumsum(self._sizes)[:-1])
        return [
            vector[place].reshape(self._shapes[place]) if trains else self._others[place].numpy()
            for trains, place in self._places
        ]

    def set_weights(self, weights: Weights) -> None:
        """Set the weights, given in the order of `model.weights`."""
        vector: list[NDArray[np.generic]] = [np.empty(0)] * len(self._sizes)
        for (trains, place), value in zip(self._places, weights, strict=True):
            if trains:
                vector[place] = value.ravel()
            else:
                self._others[place] = tf.constant(value)
        self._vector.assign(np.concatenate(vector))

    def state(self) -> State:
        """Return everything on which the next step depends, apart from seeds and rates."""
        optimizer = {f"optimizer_{i}": variable.numpy() for i, variable in enumerate(self.optimizer.variables)}
        return optimizer | {f"weight_{i}": value for i, value in enumerate(self.get_weights())}

    def restore(self, state: State) -> None:
        """Continue from what `state` returned."""
        self.set_weights([state[f"weight_{i}"] for i in range(len(self._places))])
        for i, variable in enumerate(self.optimizer.variables):
            variable.assign(state[f"optimizer_{i}"])


def _traced(function: Any, *signature: Any) -> Any:
    """Return the function as one graph for this signature: other shapes raise an error and never cause a new trace."""
    return tf.function(function, input_signature=signature, autograph=False).get_concrete_function()


def _apart(step: Any) -> Any:
    """Return the step of a loop as a function that is not dissolved into the loop's graph.

    That graph has a cycle, and TensorFlow rewrites operations to oneDNN's in an order that only a graph without one
    has: in about every fourth program the gradient of a pooling came before the pooling itself and kept TensorFlow's
    own operation, which takes twelve times as long for the same numbers. A call costs some 20 microseconds.
    """
    return tf.function(step, autograph=False, experimental_attributes={"_noinline": True})


def _places(model: keras.Model) -> list[tuple[bool, int]]:
    """Return, for each of `model.weights`, whether it is trained, and its position among those that are, or are not."""
    places = {id(variable): (True, i) for i, variable in enumerate(model.trainable_variables)}
    places |= {id(variable): (False, i) for i, variable in enumerate(model.non_trainable_variables)}
    return [places[id(weight)] for weight in model.weights]
