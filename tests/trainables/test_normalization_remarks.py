"""What is told before training where batch normalization would learn its statistics too slowly."""

import dataclasses
import re
from collections.abc import Sequence

import pytest

from tests.support.small_backbones import random_images
from trainables.settings.normalization import remarks_on_normalization

DIGITS = dataclasses.replace(random_images(32).info, num_train=1078)
"""At 128 images a batch 9 steps an epoch."""

Settings = dict[str, Sequence[object]]


@pytest.mark.parametrize(
    ("settings", "compared", "told"),
    [
        (
            {"epochs": [9]},
            1,
            "batch_norm_momentum 0.99 and 9 steps an epoch, 91% .* first compared, and 44% at the end. .* 0.71 or",
        ),
        ({"epochs": [9]}, 3, "76% .* first compared"),
        (
            {"epochs": [9]},
            None,
            "44% of .* initial ones at the end. Take a momentum of 0.96 or .* more epochs",
        ),
        ({"epochs": [9, 2]}, 3, "83% .* initial ones at the end"),
        ({"batch_norm_momentum": [0.5, 0.9]}, 1, "batch_norm_momentum 0.9 and 9 steps an epoch, 39% "),
        ({"batch_norm_momentum": [0.8], "batch_size": [32, 256]}, 1, "5 steps an epoch, 33% "),
        ({"batch_norm_momentum": [0.8], "sample_size": ["all", 300]}, 1, "3 steps an epoch, 51% "),
        ({"batch_norm_momentum": [0.7]}, 1 / 9, "9 steps an epoch, 70% .* first compared"),
        ({"network": ["four_conv", "resnet"]}, 1, "91% "),
        ({"network": ["vgg16"], "batch_norm": ["none", "after_relu"]}, 1, "91% "),
    ],
)
def test_too_few_steps_are_told_with_a_momentum_that_would_do(
    settings: Settings, compared: float | None, told: str
) -> None:
    (line,) = remarks_on_normalization(settings, DIGITS, compared)
    assert line.startswith("validation may mean little: ")
    assert re.search(told, line), line


@pytest.mark.parametrize(
    ("settings", "compared"),
    [
        ({"batch_norm_momentum": [0.7]}, 1),
        ({"batch_norm_momentum": [0.9], "batch_size": [32]}, 1),
        ({"epochs": [40]}, None),
        ({"epochs": [100]}, 34),
        ({"batch_norm": ["none"]}, 1),
        ({"network": ["four_conv", "simple"]}, 1),
        ({"network": ["vgg16"]}, 1),
    ],
)
def test_nothing_is_told_where_validation_will_mean_something(settings: Settings, compared: float | None) -> None:
    assert list(remarks_on_normalization(settings, DIGITS, compared)) == []


def test_nothing_is_told_of_data_that_are_not_known() -> None:
    assert list(remarks_on_normalization({}, None, 1)) == []
