"""Which pretrained backbone, frozen, partly unfrozen or trained whole in a second stage, suits five animals?

    python -m search.run spaces/animals_transfer.py           # 12 configurations x 3 seeds, up to 20 (+ 20) epochs
    python -m search.run spaces/animals_transfer.py --smoke   # 3 trials, one per backbone, 1 epoch, random weights

Study 002 fed every backbone pixels from 0 to 1, whatever it had been trained with, and gave each its own rate in the
second stage, once. Here each backbone gets its own preprocessing, all three are tried at both rates, and over three
seeds.
Last full run: none; the weights were not at hand (docs/studies.md).
"""

from search.space import Choice, Space
from trainables.image_classifier import train

space = Space(
    trainable=train,
    dataset="animals",
    parameters={
        "network": Choice("resnet50_v2", "mobilenet_v2", "xception"),
        "regime": Choice("frozen", "unfreeze", "two_stage"),
        "unfreeze_depth": Choice(10, when={"regime": "unfreeze"}),
        "second_learning_rate": Choice(1e-5, 5e-5, when={"regime": "two_stage"}),
        "second_epochs": Choice(20, when={"regime": "two_stage"}),
    },
    fixed={
        "pooling": "flatten",
        "head_units": (1000,),
        "image_size": 100,
        "batch_size": 258,
        "validation_fraction": 0.15,
        "epochs": 20,
        "patience": 10,
        "reduce_on_plateau": 5,
    },
    metric="val_accuracy",
    mode="max",
    sampler="grid",
    stopping="none",
    repeats=3,
    repeat="all",
    smoke={"weights": "none", "sample_size": 40, "evaluation_size": 40, "image_size": 71},
)
