"""Compiled programs: nothing is traced twice, and neither rates nor chunks change what a trial computes."""

import gc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.support.small_data import digits
from trainables.engines.runtime import configure
from trainables.settings.image import ImageSettings

configure(cpus=1)

import keras  # noqa: E402
import tensorflow as tf  # noqa: E402
from tensorflow.python.framework.func_graph import FuncGraph  # noqa: E402
from tensorflow.tsl.profiler.protobuf.xplane_pb2 import XSpace  # noqa: E402

from trainables.compiled.chunks import chunks  # noqa: E402
from trainables.compiled.kept_programs import MOST_PROGRAMS, kept_structures, program_for  # noqa: E402
from trainables.compiled.optimizers import make_optimizer  # noqa: E402
from trainables.compiled.program import Program  # noqa: E402
from trainables.engines.initial_weights import initial_weights  # noqa: E402
from trainables.engines.layers import BatchNormalization, Dropout, plain  # noqa: E402
from trainables.networks.build import build_model  # noqa: E402
from trainables.training import prepared  # noqa: E402
from trainables.training.prepared import prepared_program  # noqa: E402


def settings(**changed: Any) -> ImageSettings:
    return ImageSettings(**{"filters": 8, "head_units": (16,), "dropout": 0.3, **changed})


def program_of(own: ImageSettings) -> Program:
    optimizer = make_optimizer(own.optimizer, decays=own.weight_decay is not None)
    return Program(build_model(own, (8, 8, 1), 10), optimizer, (8, 8, 1))


def epoch(program: Program, own: ImageSettings, **options: Any) -> tuple[float, float]:
    program.start(initial_weights(program.model, seed=1), own)
    program.seed_layers(1, 1)
    return program.train(chunks(digits().train, own.batch_size, **options), own.batch_size)


def test_one_program_serves_other_rates_batches_optimizer_settings_and_amounts_of_data() -> None:
    config = {"filters": 8, "head_units": 16, "weight_decay": 0.1}
    with prepared_program(config, digits(), seed=0) as first:
        epoch(first, settings(weight_decay=0.1))
    other = {"dropout": 0.6, "learning_rate": 0.1, "batch_size": 50, "weight_decay": 0.2, "patience": 3}
    with prepared_program(config | other, digits(100), seed=1) as second:
        assert second is first
    with prepared_program(config | {"filters": 9}, digits(), seed=0) as third:
        assert third is not first


def test_a_kept_program_begins_each_trial_with_the_weights_of_its_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    computed = []

    def counted(model: keras.Model, seed: int) -> Any:
        computed.append(seed)
        return initial_weights(model, seed)

    monkeypatch.setattr(prepared, "initial_weights", counted)
    config = {"filters": 11, "head_units": 16}
    for seed in (0, 0, 1, 0):
        with prepared_program(config, digits(), seed) as program:
            own = settings(filters=11)
            for ours, its in zip(program.get_weights(), initial_weights(program.model, seed), strict=True):
                np.testing.assert_array_equal(ours, its)
            program.train(chunks(digits().train, own.batch_size), own.batch_size)
    assert computed == [0, 1, 0]


def test_every_program_takes_the_fast_gradient_of_pooling(tmp_path: Path) -> None:
    """Where oneDNN computes poolings at all, it computes their gradients, in each program that is traced."""
    programs = [program_of(settings(filters=filters)) for filters in range(8, 14)]
    tf.profiler.experimental.start(str(tmp_path))
    for program in programs:
        epoch(program, settings())
    tf.profiler.experimental.stop()
    (profile,) = tmp_path.rglob("*.xplane.pb")
    planes = XSpace.FromString(profile.read_bytes()).planes
    ran = {event.name.rpartition(":")[2] for plane in planes for event in plane.event_metadata.values()}
    if "_MklNativeMaxPool" not in ran:
        pytest.skip("TensorFlow computes without oneDNN here")
    assert "MaxPoolGrad" not in ran


def test_program_that_is_dropped_leaves_no_graph_behind() -> None:
    def graphs() -> int:
        gc.collect()
        return sum(isinstance(held, FuncGraph) for held in gc.get_objects())

    epoch(program_of(settings()), settings())
    before = graphs()
    epoch(program_of(settings()), settings())
    assert graphs() == before


def test_dropout_of_zero_is_no_dropout() -> None:
    without = settings(dropout=0.0)
    assert epoch(program_of(settings()), without) == epoch(program_of(without), without)


def test_dropout_keeps_the_given_share_and_the_mean() -> None:
    layer, ones = Dropout(0.25), np.ones((100, 1000), np.float32)
    outputs = np.asarray(layer(ones, training=True))
    assert np.mean(outputs == 0) == pytest.approx(0.25, abs=0.01)
    assert outputs.mean() == pytest.approx(1, abs=0.01)
    assert np.all(np.asarray(layer(ones, training=False)) == 1)


def test_images_in_many_chunks_give_what_one_chunk_gives() -> None:
    program, own = program_of(settings()), settings(batch_size=32)
    whole = epoch(program, own)
    weights = program.get_weights()
    parts = epoch(program, own, chunk_bytes=2 * 32 * 64)
    assert parts == pytest.approx(whole, rel=1e-6)
    assert all(np.array_equal(a, b) for a, b in zip(weights, program.get_weights(), strict=True))


def test_chunks_hold_whole_batches_and_every_image_once() -> None:
    split = digits().train
    order = np.random.default_rng(0).permutation(len(split))
    parts = list(chunks(split, 30, order, chunk_bytes=70 * 64))
    assert [len(labels) for _, labels in parts] == [60, 60, 60, 20]
    np.testing.assert_array_equal(np.concatenate([labels for _, labels in parts]), split.take()[1][order])


def test_initial_weights_follow_from_the_seed_and_differ_between_layers() -> None:
    model = build_model(settings(head_units=(16, 16, 16)), (8, 8, 1), 10)
    one, same, other = (initial_weights(model, seed) for seed in (1, 1, 2))
    kernels = [i for i, weight in enumerate(model.weights) if weight.name == "kernel"]
    assert all(np.array_equal(a, b) for a, b in zip(one, same, strict=True))
    assert all(not np.array_equal(one[i], other[i]) for i in kernels)
    assert not np.array_equal(one[kernels[3]], one[kernels[4]])


def test_fused_batch_normalization_is_that_of_keras() -> None:
    own, keras_own = BatchNormalization(), keras.layers.BatchNormalization()
    images = np.random.default_rng(0).normal(3, 2, (16, 5, 5, 4)).astype(np.float32)
    for training in (True, True, False):
        np.testing.assert_allclose(own(images, training=training), keras_own(images, training=training), atol=1e-4)
    for mine, theirs in zip(own.get_weights(), keras_own.get_weights(), strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-4)


def test_plain_model_has_only_layers_of_keras_and_the_rates_of_the_trial() -> None:
    model = build_model(settings(dropout=0.2, head_dropout=0.4), (8, 8, 1), 10)
    rates = {layer.name: i / 100 for i, layer in enumerate(model.layers) if isinstance(layer, Dropout)}
    layers = plain(model, rates).layers
    assert all(type(layer).__module__.startswith("keras.") for layer in layers)
    assert [layer.rate for layer in layers if type(layer) is keras.layers.Dropout] == list(rates.values())


def test_process_keeps_a_bounded_number_of_programs() -> None:
    for width in range(MOST_PROGRAMS + 2):
        with program_for(("bounded", width), lambda: program_of(settings())):
            pass
    assert kept_structures() == [("bounded", width) for width in range(2, MOST_PROGRAMS + 2)]


def test_process_has_the_threads_it_was_configured_with() -> None:
    assert tf.config.threading.get_intra_op_parallelism_threads() == 1
    with pytest.warns(UserWarning, match="not with 7 threads"):
        configure(cpus=7)
