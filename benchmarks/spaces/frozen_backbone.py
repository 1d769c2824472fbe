"""Which learning rate and dropout suit the head of a frozen MobileNetV2? The space of `benchmarks.transfer`.

python -m search.run benchmarks/spaces/frozen_backbone.py   # 20 trials of 20 epochs
"""

from search.space import Float, Space
from trainables.image_classifier import train

space = Space(
    trainable=train,
    dataset="cats_vs_dogs",
    parameters={"learning_rate": Float(1e-4, 1e-2, log=True), "dropout": Float(0.0, 0.6)},
    fixed={
        "network": "mobilenet_v2",
        "alpha": 0.35,
        "weights": "weights/mobilenet_v2_0.35_224_no_top.rebuilt.h5",
        "image_size": 150,
        "sample_size": 1000,
        "validation_fraction": 0.125,
        "test_fraction": 0.125,
        "batch_size": 32,
        "epochs": 20,
    },
    metric="val_accuracy",
    mode="max",
    sampler="random",
    stopping="none",
    trials=20,
)
