"""How deep should VGG16 be unfrozen for cats and dogs, and at which learning rate in the second stage?

    python -m search.run spaces/cats_dogs_unfreeze.py           # 24 trials of 20 + 10 epochs, then 3 seeds of the best
    python -m search.run spaces/cats_dogs_unfreeze.py --smoke   # 2 trials, 1 + 1 epochs, random weights

Study 000 unfroze the last 4 layers at one rate, and every accuracy was 1.0, since its folder reader found one class.
Here depth and rate are searched together, validation images choose, and the test set is seen once. No trial is
stopped early: until the second stage all of them are the same.
Last full run: none with VGG16, whose weights were not at hand. 2026-11-21, MobileNetV2 0.35 at 96x96 with its last 4
layers unfrozen at 1e-5: no difference to the frozen backbone outside the noise of three seeds (docs/studies.md).
"""

from search.space import Choice, Float, Space
from trainables.image_classifier import train

space = Space(
    trainable=train,
    dataset="cats_vs_dogs",
    parameters={
        "unfreeze_depth": Choice(0, 4, 8, 12, 15, 18),  # Nothing; one to five blocks.
        "second_learning_rate": Float(1e-6, 1e-3, log=True),
    },
    fixed={
        "network": "vgg16",
        "regime": "two_stage",
        "pooling": "flatten",
        "head_units": (256,),
        "augmentation": "geometric",
        "image_size": 150,
        "sample_size": 2000,
        "batch_size": 20,
        "epochs": 20,
        "second_epochs": 10,
    },
    metric="val_accuracy",
    mode="max",
    stopping="none",
    repeats=3,
    trials=24,
    smoke={"weights": "none", "sample_size": 40, "evaluation_size": 40, "second_epochs": 1},
)
