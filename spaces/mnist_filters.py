"""Which filter size, how many filters and how much dropout does MNIST need?

    python -m search.run spaces/mnist_filters.py           # 40 trials of up to 10 epochs on 12,000 images
    python -m search.run spaces/mnist_filters.py --smoke   # 2 trials, 1 epoch

Study 003 compared four networks by one seed on the test set. Here validation images choose, stopping ends what is
behind, and the test set is seen once.
Last full run: 2026-11-27, --trials 24 --repeats 3, seed 0, 2 cores of an EPYC beside much other work, 45 minutes:
K5 F32 with dropout 0.25 and learning rate 0.002 is best by validation (0.9861, mean of 3 seeds; test 0.9867); the four
other finalists, one of them K3 F32, are inside the noise.
"""

from search.space import Choice, Float, Space
from trainables.image_classifier import train

space = Space(
    trainable=train,
    dataset="mnist",
    offline_dataset="digits",
    parameters={
        "kernel_size": Choice(3, 5),
        "filters": Choice(32, 64),
        "dropout": Float(0.0, 0.6),
        "learning_rate": Float(1e-4, 1e-2, log=True),
    },
    fixed={
        "network": "two_conv",
        "epochs": 10,
        "batch_size": 128,
        "sample_size": 12_000,
        "batch_norm_momentum": 0.9,  # With Keras' 0.99, 94 steps an epoch leave validation meaningless for five epochs.
    },
    metric="val_accuracy",
    mode="max",
    stopping_options={"min_epochs": 2},
    trials=40,
)
