"""What do trainings on few pictures of clothes look like, with schedules? The space of a table for the simulator.

    python -m benchmarks.simulator.tables.make fashion --seed 0 --trials 1000 --results results

600 training images of 14x14 pixels and 1,000 of validation, two kinds of convolutional networks. Cosine schedules
and dropout pay off late; two settings have a condition. The eight structures are as many as a training process keeps
programs of.
"""

from search.space import Choice, Float, Int, Space
from trainables.image_classifier import train

space = Space(
    trainable=train,
    dataset="fashion_mnist",
    parameters={
        "network": Choice("two_conv", "simple"),
        "filters": Choice(8, 24),
        "head_dropout": Float(0.05, 0.8, when={"network": "two_conv"}),
        "learning_rate": Float(1e-4, 0.3, log=True),
        "weight_decay": Float(1e-4, 1.0, log=True),
        "schedule": Choice("constant", "cosine"),
        "warmup_epochs": Float(0.0, 4.0, when={"schedule": "cosine"}),
        "batch_size": Int(16, 256, log=True),
        "dropout": Float(0.0, 0.8),
    },
    fixed={
        "optimizer": "adamw",
        "epochs": 12,
        "image_size": 14,
        "sample_size": 600,
        "evaluation_size": 1000,
        "batch_norm": "none",
        "head_units": 64,
    },
    metric="val_accuracy",
    mode="max",
    sampler="random",
    stopping="none",
    trials=1000,
)
