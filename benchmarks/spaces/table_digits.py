"""What do trainings on few digits look like, dense and convolutional? The space of a table for the simulator.

    python -m benchmarks.simulator.tables.make digits --seed 0 --trials 1000 --results results

400 training images and 898 of validation, so that an epoch takes hundredths of a second and accuracy is not at its
ceiling. Six settings concern every network, one each only dense or only convolutional ones. The eight structures are
as many as a training process keeps programs of.
"""

from __future__ import annotations

from typing import Any

from search.space import Choice, Float, Int, Space
from trainables.data import Data
from trainables.image_classifier import train_with
from trainables.trial import Config


def build(config: Config, data: Data) -> Any:
    """Return a dense or a convolutional network of the configuration's width, not compiled."""
    from keras import Input, Sequential, layers  # noqa: PLC0415  # in a training process, not in the driver

    width = 8 * 2 ** int(str(config["width"]))
    if config["network"] == "dense":
        hidden = [layers.Flatten()]
        for _ in range(int(str(config["layers"]))):
            hidden += [layers.Dense(4 * width, "relu"), layers.Dropout(config["dropout"])]
    else:
        size = config["kernel_size"]
        hidden = [
            layers.Conv2D(width, size, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(width, size, padding="same", activation="relu"),
            layers.Flatten(),
            layers.Dropout(config["dropout"]),
        ]
    first = [Input(data.train.images.shape[1:]), layers.Rescaling(1 / 255)]
    return Sequential([*first, *hidden, layers.Dense(data.info.num_classes, "softmax")])


space = Space(
    trainable=train_with(build),
    dataset="digits",
    parameters={
        "network": Choice("dense", "conv"),
        "width": Int(0, 1),
        "layers": Int(1, 2, when={"network": "dense"}),
        "kernel_size": Choice(3, 5, when={"network": "conv"}),
        "learning_rate": Float(1e-4, 0.3, log=True),
        "weight_decay": Float(1e-4, 1.0, log=True),
        "batch_size": Int(16, 256, log=True),
        "dropout": Float(0.0, 0.8),
    },
    fixed={"optimizer": "adamw", "epochs": 27, "sample_size": 400, "validation_fraction": 0.5, "test_fraction": 0.1},
    metric="val_accuracy",
    mode="max",
    sampler="random",
    stopping="none",
    trials=1000,
)
