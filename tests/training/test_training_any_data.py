"""Tables, words, several inputs, numbers as targets, tf.data and PyDataset: trained, tested and saved like images."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from trainables.engines.runtime import configure
from trainables.errors import TrainableError
from trainables.image_classifier import train, train_with
from trainables.trial import Trial

configure(cpus=1)

import keras  # noqa: E402
import tensorflow as tf  # noqa: E402
from keras import layers  # noqa: E402

from tests.support.small_tables import CLASSES, NUMBERS, RNG, ROW, TABLE, of_a_table, saved, trained  # noqa: E402


def test_table_is_trained_by_both_engines_alike() -> None:
    reports = {}
    for engine in ("compiled", "fit"):
        reports[engine], trial = trained(of_a_table, (TABLE, CLASSES), engine=engine)
        assert trial.facts["engine"] == engine
    assert reports["fit"][-1]["test_accuracy"] > 0.85
    for mine, other in zip(*reports.values(), strict=True):
        assert mine["test_loss" if "test_loss" in mine else "val_loss"] == pytest.approx(
            other["test_loss" if "test_loss" in other else "val_loss"], rel=1e-3
        )


def test_fingerprint_of_what_a_function_gives_is_that_of_the_arrays() -> None:
    def found(*data: Any) -> str:
        return trained(of_a_table, data, epochs=1)[1].facts["data_fingerprint"]

    other = TABLE.copy()
    other[7, 2] += 1e-6
    alike = [found(TABLE, CLASSES), found(TABLE.copy(), CLASSES.tolist())]
    assert alike[0] == alike[1]
    assert len({alike[0], found(other, CLASSES), found(TABLE, CLASSES[::-1])}) == 3


def test_whole_numbers_and_pixels_of_any_shape_are_trained_compiled() -> None:
    pixels = (TABLE[:, :, None] * 40 + 128).clip(0, 255).astype(np.uint8)

    def build(_config: Any, data: Any) -> keras.Model:
        layers_of = [keras.Input(data.input_shape), layers.Rescaling(1 / 64, -2), layers.Flatten()]
        return keras.Sequential([*layers_of, layers.Dense(4, "softmax")])

    for inputs in (pixels, pixels.astype(np.int64)):
        reports, trial = trained(build, (inputs, CLASSES))
        assert trial.facts["engine"] == "compiled"
        assert reports[-1]["test_accuracy"] > 0.8


def regression(_config: Any, _data: Any) -> keras.Model:
    model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
    model.compile("adam", "mean_squared_error", metrics=["mean_absolute_error"])
    return model


def test_numbers_are_come_near_to(tmp_path: Path) -> None:
    reports, trial = trained(regression, (TABLE, NUMBERS), learning_rate=0.1, epochs=20, metric="val_loss", mode="min")
    assert trial.facts["engine_reason"] == "the targets are no classes"
    assert reports[-1]["test_loss"] < 0.1 < reports[0]["val_mean_absolute_error"]
    assert "baseline_accuracy" not in reports[-1]
    predicted = saved(trial, tmp_path / "model.keras").predict(TABLE, verbose=0)
    assert np.abs(predicted[:, 0] - NUMBERS).mean() < 0.3


def test_several_inputs_go_by_their_names(tmp_path: Path) -> None:
    words = RNG.integers(0, 50, (300, 3))

    def build(_config: Any, data: Any) -> keras.Model:
        assert data.input_shape == {"row": (4,), "words": (3,)}
        inputs, _ = data.train.take()
        assert inputs["row"].shape == (180, 4)
        with pytest.raises(TrainableError, match="the data have the inputs row, words; expected one"):
            _ = data.train.images
        row, ids = keras.Input((4,), name="row"), keras.Input((3,), name="words", dtype="int32")
        both = layers.Concatenate()([row, layers.Flatten()(layers.Embedding(50, 2)(ids))])
        return keras.Model({"row": row, "words": ids}, layers.Dense(2, "softmax")(both))

    reports, trial = trained(build, ({"row": TABLE, "words": words}, words[:, 0] > 25), epochs=20)
    assert trial.facts["engine_reason"] == "the data have several inputs"
    assert reports[-1]["test_accuracy"] > 0.8
    assert saved(trial, tmp_path / "model.keras").predict({"row": TABLE, "words": words}, verbose=0).shape == (300, 2)


def test_text_is_given_to_a_model_that_reads_it(tmp_path: Path) -> None:
    texts = np.array(["a grey cat", "the brown dog"])[np.arange(120) % 2]

    def build(_config: Any, data: Any) -> keras.Model:
        vectorize = layers.TextVectorization(output_sequence_length=3, vocabulary=["cat", "dog", "grey", "brown"])
        layers_of = [keras.Input((), dtype="string"), vectorize, layers.Embedding(6, 4), layers.Flatten()]
        return keras.Sequential([*layers_of, layers.Dense(2, "softmax")])

    reports, trial = trained(build, (texts, np.array(["cat", "dog"])[np.arange(120) % 2]))
    assert reports[-1]["test_accuracy"] == 1
    assert saved(trial, tmp_path / "model.keras")(tf.constant(["a cat"])).shape == (1, 2)


class Batches(keras.utils.PyDataset):
    """Rows of the table, 20 at a time."""

    def __init__(self, start: int, stop: int) -> None:
        super().__init__()
        self.start, self.stop = start, stop

    def __len__(self) -> int:
        return (self.stop - self.start) // 20

    def __getitem__(self, place: int) -> Any:
        rows = slice(self.start + place * 20, self.start + (place + 1) * 20)
        return TABLE[rows], CLASSES[rows]


def tf_data(start: int, stop: int) -> Any:
    return tf.data.Dataset.from_tensor_slices((TABLE[start:stop], CLASSES[start:stop])).shuffle(500).batch(20)


@pytest.mark.parametrize("kind", [Batches, tf_data])
def test_batches_of_a_function_of_the_users_go_to_fit(tmp_path: Path, kind: Any) -> None:
    def build(_config: Any, data: Any) -> keras.Model:
        model = keras.Sequential([ROW, layers.Dense(16, "relu"), layers.Dense(4, "softmax")])
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model

    reports, trial = trained(build, (kind(0, 200), kind(200, 260), kind(260, 300)))
    assert "gives its own batches" in trial.facts["engine_reason"]
    assert reports[-1]["test_accuracy"] > 0.8
    assert "sample_size" not in reports[-1]
    assert "data_fingerprint" not in trial.facts
    assert saved(trial, tmp_path / "model.keras").predict(TABLE, verbose=0).shape == (300, 4)


def test_batches_of_a_function_are_not_joined_where_a_model_is_to_train_on_both() -> None:
    config = {"dataset": lambda *_: (tf_data(0, 200), tf_data(200, 260), tf_data(260, 300)), "epochs": 1}
    with pytest.raises(TrainableError, match="which are not joined here; expected arrays"):
        next(train_with(lambda *_: pytest.fail("it is trained"))(config, Trial(refits=True)))


def test_a_metric_that_trials_share_begins_each_of_them_at_nothing() -> None:
    shared = keras.metrics.SparseCategoricalAccuracy("shared")

    def build(*_: Any) -> keras.Model:
        model = keras.Sequential([ROW, layers.Dense(4, "softmax")])
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy", shared])
        return model

    for _ in range(2):
        first, *_ = trained(build, (Batches(0, 200), Batches(200, 260), Batches(260, 300)), epochs=1)[0]
        assert first["shared"] == pytest.approx(first["accuracy"])


class Counting(Batches):
    """Batches that change from epoch to epoch."""

    epochs, begun = 0, 0

    def __getitem__(self, place: int) -> Any:
        inputs, targets = super().__getitem__(place)
        return inputs + np.float32(0.1 * self.epochs + 0.01 * self.begun), targets

    def on_epoch_begin(self) -> None:
        self.begun += 1

    def on_epoch_end(self) -> None:
        self.epochs += 1


WITH_HOLES = np.where(TABLE > 2, np.nan, TABLE)


def as_many_units(_config: Any, data: Any) -> keras.Model:
    return keras.Sequential([ROW, layers.Dense(data.info.num_classes, "softmax")])


class Endless(Batches):
    """Batches of which it tells no number, as Keras has it for a data set without an end."""

    num_batches = None


def test_a_py_dataset_has_the_order_and_the_epochs_that_one_call_of_fit_gives_it() -> None:
    def build(*_: Any) -> keras.Model:
        model = keras.Sequential([ROW, layers.Dense(4, "softmax")])
        model.compile(keras.optimizers.SGD(0.03), "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model

    reports, trial = trained(build, (Counting(0, 200), Counting(200, 260), Batches(260, 300)), epochs=3)
    keras.utils.set_random_seed(trial.seed)
    plain = build().fit(Counting(0, 200), validation_data=Counting(200, 260), epochs=3, verbose=0).history
    for name, values in plain.items():
        np.testing.assert_allclose([one[name] for one in reports[:-1]], values, rtol=1e-5)


def test_a_py_dataset_that_is_made_anew_counts_on_where_its_trial_was_cut_off(tmp_path: Path) -> None:
    def build(*_: Any) -> keras.Model:
        model = keras.Sequential([ROW, layers.Dense(4, "softmax")])
        model.compile(keras.optimizers.SGD(0.03), "sparse_categorical_crossentropy", metrics=["accuracy"])
        return model

    def data(*_: Any) -> Any:
        made.append((Counting(0, 200), Counting(200, 260)))
        return *made[-1], Batches(260, 300)

    made: list[tuple[Counting, Counting]] = []
    config = {"epochs": 4, "dataset": data}
    begun = Trial(seed=1)
    epochs = train_with(build)(config, begun)
    first = [next(epochs) for _ in range(2)]
    assert begun.save
    begun.save(tmp_path)
    rest = list(epochs)
    again = list(train_with(build)(config, Trial(seed=1, checkpoint=tmp_path)))
    assert [one["epoch"] for one in (*first, *again[:-1])] == [1, 2, 3, 4]
    assert len(rest) == len(again)
    uncut, resumed = ([(given.epochs, given.begun) for given in pair] for pair in made)
    assert resumed == uncut


@pytest.mark.parametrize(
    ("data", "config", "message"),
    [
        ((TABLE, CLASSES, NUMBERS), {}, r"gave a tuple of 3 \(ndarray, ndarray, ndarray\); expected"),
        ((iter([1]), iter([1]), iter([1])), {}, "gave a list_iterator, which is empty after one epoch"),
        (([TABLE, CLASSES], [TABLE[:9], CLASSES[:9]]), {}, "are rows of different lengths, or no array"),
        ((TABLE, {"a": CLASSES, "b": NUMBERS}), {}, "gives several targets; expected one array. For several"),
        ((TABLE, [CLASSES, NUMBERS]), {}, "gives several targets; expected one array. For several"),
        (([TABLE, TABLE], CLASSES), {}, "gives several inputs in a list; expected a dict"),
        (((TABLE, CLASSES, NUMBERS), (TABLE, CLASSES, NUMBERS)), {}, "Weights of examples go with tf.data"),
        ((TABLE, NUMBERS), {}, "gives no classes, and the model that build gave is not compiled"),
        ((TABLE, NUMBERS), {"class_weight": "balanced", "own": regression}, "gives no classes to weigh"),
        (
            (TABLE, CLASSES),
            {"engine": "compiled", "own": regression},
            "engine is 'compiled', and this model needs 'fit'",
        ),
        ((tf_data(0, 9).repeat(), tf_data(0, 9), tf_data(0, 9)), {}, "is endless; expected an end"),
        (
            (TABLE, NUMBERS),
            {"own": as_many_units},
            r"num_classes is 0, .* '<lambda>\(\)', whose targets are numbers; cl",
        ),
        ((tf_data(0, 9),) * 3, {"own": as_many_units}, "is 0, .* which gives its own batches. Write the number into"),
        (
            (WITH_HOLES, CLASSES),
            {},
            r"loss became nan in epoch 1; \d+ of 180 training rows of .* hold nan or infinity: fi",
        ),
        (
            ((TABLE, CLASSES), (WITH_HOLES[:60], CLASSES[:60]), (TABLE, CLASSES)),
            {},
            r"val_loss became nan in epoch 1; \d of 60 validation rows of .* hold nan",
        ),
        ((Endless(0, 9), Batches(0, 40), Batches(0, 40)), {}, "gives a Endless that is endless; expected an end"),
        ((tf_data(0, 9).unbatch(), tf_data(0, 9), tf_data(0, 9)), {}, "of single examples; expected batches of them"),
        ((tf_data(0, 9), tf_data(0, 9)), {}, r"gave a tuple of 2 \(_BatchDataset, _BatchDataset\); expected \(x, y\)"),
        ((tf_data(0, 9).take(0), tf_data(0, 9), tf_data(0, 9)), {}, "gives a _TakeDataset without a batch"),
        ((Batches(0, 40), Batches(0, 40), Batches(0, 9)), {}, "gives a Batches without a batch"),
        ((tf_data(0, 9), tf_data(0, 9), tf_data(0, 9)), {}, "gives no classes, and the model that build gave"),
    ],
)
def test_what_cannot_be_trained_is_one_line(data: Any, config: dict[str, Any], message: str) -> None:
    own = {"own": lambda *_: keras.Sequential([ROW, layers.Dense(4, "softmax")]), **config}.pop("own")
    config = {name: value for name, value in config.items() if name != "own"}
    with pytest.raises(TrainableError, match=message):
        trained(own, data, **config)


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
@pytest.mark.parametrize("where", ["training in epoch 1", "validation in epoch 1", "the test", "training in epoch 2"])
def test_data_that_turn_out_to_have_no_batch_are_refused_where_that_shows(where: str) -> None:
    some = tf.data.Dataset.from_tensor_slices((TABLE, NUMBERS)).batch(100)
    none = some.filter(lambda x, _: x[0, 0] > 1e9)  # It does not know beforehand how many are left.
    left = iter([(TABLE, NUMBERS)] * 2)  # Keras takes the first to see what a batch is.
    once = tf.data.Dataset.from_generator(lambda: left, output_signature=some.element_spec)
    parts = ["training in epoch 1", "validation in epoch 1", "the test"]
    data = [none if part == where else some for part in parts]
    with pytest.raises(TrainableError, match=f"without a batch for {where}; expected some for training, validation"):
        trained(regression, (once, *data[1:]) if where.endswith("2") else tuple(data), epochs=3)


def test_our_networks_refuse_what_is_no_image() -> None:
    def table(_config: Mapping[str, object], _trial: Trial) -> Any:
        return TABLE, CLASSES

    with pytest.raises(TrainableError, match=r"'table\(\)' gives rows of shape \(4,\)"):
        next(train({"dataset": table, "epochs": 1}, Trial()))
