"""Does VGG16 with ImageNet weights, frozen or partly unfrozen, beat the small network on MNIST?

    python -m search.run spaces/mnist_vgg16.py           # 6 configurations x 3 seeds, 10 epochs of 12,000 images
    python -m search.run spaces/mnist_vgg16.py --smoke   # 2 trials, one per network, 1 epoch, random weights

Study 003 reports 95.45 % for the frozen VGG16, of one seed and on the test set that also chose the epoch. Here both
networks see the same images at the same size, VGG16 with the preprocessing that it was trained with; it is also
trained with its last block and its last two blocks unfrozen, at two rates.
Last full run: none; the weights were not at hand (docs/studies.md).
"""

from search.space import Choice, Space
from trainables.image_classifier import train

space = Space(
    trainable=train,
    dataset="mnist",
    parameters={
        "network": Choice("two_conv", "vgg16"),
        "regime": Choice("frozen", "unfreeze", when={"network": "vgg16"}),
        "unfreeze_depth": Choice(4, 8, when={"regime": "unfreeze"}),  # Block 5; blocks 4 and 5.
        "learning_rate": Choice(1e-5, 1e-4, when={"regime": "unfreeze"}),  # The others: 1e-3, the default.
        "kernel_size": Choice(5, when={"network": "two_conv"}),
        "batch_norm_momentum": Choice(0.9, when={"network": "two_conv"}),  # An epoch has too few steps for 0.99.
        "dropout": Choice(0.5, when={"network": "two_conv"}),
        "head_dropout": Choice(0.5, when={"network": "vgg16"}),
    },
    fixed={
        "pooling": "flatten",
        "head_units": (128,),
        "batch_norm": "after_relu",  # Of VGG16: in its head.
        "image_size": 32,
        "sample_size": 12_000,
        "epochs": 10,
        "batch_size": 128,
    },
    metric="val_accuracy",
    mode="max",
    sampler="grid",
    stopping="none",
    repeats=3,
    repeat="all",
    smoke={"weights": "none", "sample_size": 40, "evaluation_size": 40},
)
