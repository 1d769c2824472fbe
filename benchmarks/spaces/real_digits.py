"""Which network and which rate do 8x8 digits need? What `benchmarks.real` has every system search.

python -m search.run benchmarks/spaces/real_digits.py   # 100 configurations of up to 27 epochs
"""

from search.space import Choice, Float, Space
from trainables.image_classifier import train

space = Space(
    trainable=train,
    dataset="digits",
    parameters={
        "filters": Choice(8, 16, 32),
        "kernel_size": Choice(3, 5),
        "dropout": Float(0.0, 0.6),
        "head_dropout": Float(0.0, 0.6),
        "learning_rate": Float(1e-4, 1e-1, log=True),
    },
    fixed={
        "network": "two_conv",
        "batch_norm": "none",
        "epochs": 27,
        "batch_size": 32,
        "validation_fraction": 0.4,
        "test_fraction": 0.1,
    },
    metric="val_accuracy",
    mode="max",
    trials=100,
)
