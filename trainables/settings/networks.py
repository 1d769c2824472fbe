"""Each network's settings as published, and the smallest images that it takes, known without Keras.

A network reads the settings of its row and no others, so that a space cannot vary what has no effect.
"""

from __future__ import annotations

from typing import Any

PUBLISHED: dict[str, dict[str, Any]] = {
    # These are the values of study 003. Study 001 has batch_norm="none", dropout=0, head_dropout=0.5; study 004 has
    # batch_norm="before_relu", dropout=0, head_units=(128, 64). `filters` and `kernel_size` are those of the second
    # convolution.
    "two_conv": {
        "filters": 64,
        "kernel_size": 3,
        "batch_norm": "after_relu",
        "batch_norm_momentum": 0.99,
        "dropout": 0.5,
        "pooling": "flatten",
        "head_units": (128,),
        "head_dropout": 0.0,
    },
    # Study 000 has 1, 2, 4 and 4 times `filters`.
    "four_conv": {
        "filters": 32,
        "kernel_size": 3,
        "dropout": 0.0,
        "pooling": "flatten",
        "head_units": (512,),
        "head_dropout": 0.0,
    },
    # This network and all that follow are of study 002. `filters` and `kernel_size` are those of the second
    # convolution.
    "simple": {
        "filters": 64,
        "kernel_size": 3,
        "dropout": 0.0,
        "pooling": "flatten",
        "head_units": (),
        "head_dropout": 0.0,
    },
    # The study does not print the rates of dropout.
    "mid": {
        "filters": 32,
        "kernel_size": 3,
        "dropout": 0.25,
        "pooling": "flatten",
        "head_units": (128,),
        "head_dropout": 0.0,
    },
    "resnet": {
        "filters": 64,
        "batch_norm_momentum": 0.99,
        "pooling": "avg",
        "head_units": (1000,),
        "head_dropout": 0.0,
    },
    "inception": {"filters": 64, "pooling": "flatten", "head_units": (1000,), "head_dropout": 0.5},
}

SMALLEST_SIDE = {"two_conv": 4, "four_conv": 16, "simple": 2, "mid": 8, "resnet": 8, "inception": 21}
"""Smallest shorter side of an image, in pixels, by network."""
