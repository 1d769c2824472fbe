"""Do 300 digits need a schedule of learning rate and dropout? What `benchmarks.one_process.population` searches.

python -m search.run benchmarks/spaces/population_digits.py   # 24 configurations, 8 trainings of 27 epochs in all
"""

from search.space import Float, Space
from trainables.image_classifier import train

space = Space(
    trainable=train,
    dataset="digits",
    parameters={
        "dropout": Float(0.0, 0.6),
        "head_dropout": Float(0.0, 0.6),
        "learning_rate": Float(1e-4, 1e-1, log=True),
        "weight_decay": Float(1e-5, 1e-1, log=True),
    },
    fixed={
        "network": "two_conv",
        "filters": 16,
        "kernel_size": 3,
        "batch_norm": "none",
        "optimizer": "adamw",
        "epochs": 27,
        "batch_size": 32,
        "sample_size": 300,
        "validation_fraction": 0.4,
        "test_fraction": 0.1,
    },
    population={
        "members": 8,
        "interval": 3,
        "change": ["dropout", "head_dropout", "learning_rate", "weight_decay"],
    },
)
