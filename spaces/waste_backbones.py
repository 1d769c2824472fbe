"""Do two pretrained backbones tell photos of waste apart better than the small network, given the same pixels?

    python -m search.run spaces/waste_backbones.py           # 3 configurations x 3 seeds, 10 epochs of 256x256 images
    python -m search.run spaces/waste_backbones.py --smoke   # 3 trials, one per network, 1 epoch, random weights

Study 004 gave the backbones four times the pixels (524x524), no preprocessing of their own, images that were never
shuffled, and half the epochs of the small network. Here all three have the same images at the same size, in a new
order every epoch, the same head, and the same epochs; each backbone has its own preprocessing.
Last full run: none; the weights were not at hand (docs/studies.md).
"""

from search.space import Choice, Space
from trainables.image_classifier import train

space = Space(
    trainable=train,
    dataset="realwaste",
    parameters={
        "network": Choice("two_conv", "inception_resnet_v2", "densenet121"),
        "regime": Choice("frozen", when={"network": ("inception_resnet_v2", "densenet121")}),
        "pooling": Choice("avg", when={"network": ("inception_resnet_v2", "densenet121")}),
        "learning_rate": Choice(1e-4, when={"network": "two_conv"}),  # The study's choice; the others: 1e-3.
        "batch_norm": Choice("before_relu", when={"network": "two_conv"}),
        "batch_norm_momentum": Choice(0.9, when={"network": "two_conv"}),  # An epoch has too few steps for 0.99.
    },
    fixed={"dropout": 0.0, "head_units": (128, 64), "image_size": 256, "epochs": 10, "batch_size": 32},
    metric="val_accuracy",
    mode="max",
    sampler="grid",
    stopping="none",
    repeats=3,
    repeat="all",
    smoke={"weights": "none", "sample_size": 40, "evaluation_size": 40, "image_size": 75},
)
