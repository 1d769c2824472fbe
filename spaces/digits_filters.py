"""Which filter size, and how many filters, do 8x8 digits need?

    python -m search.run spaces/digits_filters.py           # 40 trials of up to 12 epochs, half a minute on 2 cores
    python -m search.run spaces/digits_filters.py --smoke   # 2 trials, 1 epoch

The embedded digits of scikit-learn: no download. The small sister of mnist_filters.py.
Last full run: 28 November 2026, commit dbd163f, 2 cores of an AMD EPYC beside other work, seed 0: 15 s; 9 complete, 31
pruned. Best: 32 filters of 5x5, dropout 0.14, learning rate 0.00085; validation 1.000, test 0.992 (359 images each).
"""

from search.space import Choice, Float, Space
from trainables.image_classifier import train

space = Space(
    trainable=train,
    dataset="digits",
    parameters={
        "kernel_size": Choice(3, 5),
        "filters": Choice(16, 32),
        "dropout": Float(0.0, 0.6),
        "learning_rate": Float(1e-4, 1e-1, log=True),  # Three decades: search them evenly.
    },
    fixed={"network": "two_conv", "epochs": 12, "batch_size": 32, "batch_norm_momentum": 0.9},
    metric="val_accuracy",
    mode="max",
    trials=40,
)
