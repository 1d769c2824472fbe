"""What do a schedule, mixed images, crops and smoothed labels give a small network on 4,000 pictures of clothes?

    python -m search.run spaces/fashion_training.py           # 24 configurations, 3 seeds each
    python -m search.run spaces/fashion_training.py --smoke   # 2 trials, 1 epoch

Last full run: none yet.
"""

from search.space import Choice, Space
from trainables.image_classifier import train

space = Space(
    trainable=train,
    dataset="fashion_mnist",
    offline_dataset="digits",
    parameters={
        "schedule": Choice("constant", "cosine"),
        "mixing": Choice("none", "mixup", "cutmix"),
        "label_smoothing": Choice(0.0, 0.1),
        "random_crop": Choice(0, 2),
    },
    fixed={
        "network": "two_conv",
        "filters": 16,
        "dropout": 0.2,
        "learning_rate": 2e-3,
        "warmup_epochs": 0.5,
        "epochs": 15,
        "batch_size": 64,
        "sample_size": 4000,
        "evaluation_size": 5000,
    },
    metric="val_accuracy",
    mode="max",
    sampler="grid",
    stopping="none",
    repeats=3,
    repeat="all",
)
