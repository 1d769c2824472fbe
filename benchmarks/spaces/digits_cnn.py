"""What does a search cost beside its training? A small digits CNN, the same for this system and its peers.

    python -m search.run benchmarks/spaces/digits_cnn.py    # 40 trials of 5 epochs

No stopping rule and no batch normalisation, so that every trial does the same work and five epochs suffice to see it
learn. Filters change the graph (three programs); dropout and learning rate do not.
"""

from search.space import Choice, Float, Space
from trainables.image_classifier import train

space = Space(
    trainable=train,
    dataset="digits",
    parameters={
        "filters": Choice(8, 16, 32),
        "dropout": Float(0.1, 0.6),
        "learning_rate": Float(1e-4, 1e-2, log=True),
    },
    fixed={"network": "two_conv", "batch_norm": "none", "epochs": 5, "batch_size": 64},
    metric="val_accuracy",
    mode="max",
    stopping="none",
    trials=40,
)
