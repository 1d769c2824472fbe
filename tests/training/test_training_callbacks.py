"""Callbacks of a user's own hear of one training, whatever it is made of."""

from typing import Any

import pytest

from tests.support.small_data import digits
from trainables.engines.runtime import configure
from trainables.errors import TrainableError
from trainables.trial import Trial, declaration_of

configure(cpus=1)

import keras  # noqa: E402

from trainables.engines.contract import BEGINS_ANEW  # noqa: E402
from trainables.image_classifier import train_calling, train_on, train_with  # noqa: E402

SMALL = {"filters": 4, "batch_norm": "none", "head_units": (), "epochs": 4, "batch_size": 100}


class Heard(keras.callbacks.Callback):
    """Writes down what it is told, and ends the training behind `last`."""

    def __init__(self, last: int) -> None:
        super().__init__()
        self.lines: list[str] = []
        self._last = last

    def on_train_begin(self, logs: Any = None) -> None:
        self.lines.append("begin")

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.lines.append("batch")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.lines.append(f"epoch {epoch} {sorted(logs or {})[0]}")
        self.model.stop_training = epoch + 1 == self._last

    def on_train_end(self, logs: Any = None) -> None:
        self.lines.append("end")


def test_callbacks_hear_of_one_training_and_may_end_it() -> None:
    heard: list[Heard] = []

    def callbacks(config: Any) -> list[Heard]:
        heard.append(Heard(config["last"]))
        return heard[-1:]

    trial = Trial(seed=1)
    reports = list(train_on(digits(), {**SMALL, "last": 2}, trial, callbacks))
    assert [one.get("epoch") for one in reports] == [1, 2, None]
    told = heard[0].lines
    assert [line for line in told if line != "batch"] == ["begin", "epoch 0 accuracy", "epoch 1 accuracy", "end"]
    assert told.count("batch") == 2 * -(-len(digits().train) // 100)
    assert trial.facts == {"engine": "fit", "engine_reason": f"it has callbacks of its own; {BEGINS_ANEW}"}
    assert trial.save is None  # What they keep is not known: it would begin anew.


def test_callback_of_keras_sets_the_learning_rate_and_settings_of_its_own_are_allowed() -> None:
    def callbacks(config: Any) -> list[Any]:
        return [keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate * config["factor"])]

    trainable = train_calling(callbacks)
    config = {**SMALL, "learning_rate": 0.01, "factor": 0.5, "dataset": "digits", "epochs": 2}
    declaration_of(trainable).check({name: (value,) for name, value in config.items() if name != "dataset"}, None)
    reports = list(trainable(config, Trial()))
    assert [one["learning_rate"] for one in reports[:-1]] == pytest.approx([0.005, 0.0025])  # What was trained with.
    with pytest.raises(TrainableError, match="'filters' may be 0"):
        declaration_of(trainable).check({"filters": (0,)}, None)


@pytest.mark.parametrize("form", [None, "one", "nested"])
def test_callbacks_come_in_any_form_that_keras_takes_and_know_the_whole_training(form: str | None) -> None:
    told: list[int] = []

    class Told(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
            told.append(self.params["epochs"])

    def callbacks(_: Any) -> Any:
        return None if form is None else Told() if form == "one" else [[Told()]]

    trial = Trial(seed=1)
    list(train_on(digits(), {**SMALL, "epochs": 3}, trial, callbacks))
    assert told == ([] if form is None else [3, 3, 3])
    with pytest.raises(TrainableError, match="gave 'early'; expected a list of keras"):
        list(train_on(digits(), SMALL, trial, lambda _: ["early"]))


def test_weights_that_are_swapped_for_validation_alone_are_refused() -> None:
    with pytest.raises(TrainableError, match="gave SwapEMAWeights, with which validation would measure other weights"):
        list(train_on(digits(), SMALL, Trial(seed=1), lambda _: [keras.callbacks.SwapEMAWeights(swap_on_epoch=True)]))


def test_own_model_has_callbacks_too_and_compiled_is_refused() -> None:
    def build(config: Any, data: Any) -> Any:
        return keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(10)])

    heard = Heard(1)
    trainable = train_with(build, callbacks=lambda _: [heard])
    config = {"dataset": "digits", "epochs": 3, "batch_size": 100}
    assert len(list(trainable(config, Trial()))) == 2
    assert heard.lines[-1] == "end"
    with pytest.raises(TrainableError, match="callbacks of its own"):
        next(trainable({**config, "engine": "compiled"}, Trial()))


def test_a_model_with_several_optimizers_says_that_it_begins_anew_when_it_is_cut_off() -> None:
    class Net(keras.Sequential):
        pass

    def build(*_: Any) -> keras.Model:
        model = Net([keras.Input((8, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(10, "softmax")])
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        model.second_optimizer = keras.optimizers.SGD(0.1)
        return model

    trial = Trial(seed=1, asked={"dataset": "digits"})
    list(train_with(build)({"epochs": 1, "sample_size": 100}, trial))
    assert trial.facts["engine_reason"] == f"a Net may compute anything; {BEGINS_ANEW}"
    assert trial.save is None
