"""Which of four architectures, trained from scratch, tells five animals apart, and what does augmentation add to each?

    python -m search.run spaces/animals_architectures.py           # 8 configurations x 3 seeds, up to 50 epochs
    python -m search.run spaces/animals_architectures.py --smoke   # 4 trials, one per architecture, 1 epoch

Study 002 has five rows of one seed each: the four without augmentation, and the residual network with it, so that
architecture and augmentation cannot be told apart. Here every architecture is trained with and without.
The rate of the inception network and the batch of 258 are the study's.
Last full run: none on the study's images. 2026-11-21 on a stand-in (--dataset animals5, 1,000 images of 64x64, 12
epochs), 17 minutes on 2 cores of a Xeon beside other work: test 46.1 simple, 42.1 mid, 49.8 resnet, 50.1 inception,
52.1 % resnet augmented; only mid is outside the noise of the best (docs/studies.md).
"""

from search.space import Choice, Space
from trainables.image_classifier import train

space = Space(
    trainable=train,
    dataset="animals",
    parameters={
        "network": Choice("simple", "mid", "resnet", "inception"),
        "augmentation": Choice("none", "flip_rotation_zoom_noise"),
        "learning_rate": Choice(1e-4, when={"network": "inception"}),  # The others: 1e-3, the default.
        "batch_norm_momentum": Choice(0.9, when={"network": "resnet"}),  # An epoch has too few steps for 0.99.
    },
    fixed={
        "image_size": 100,
        "batch_size": 258,
        "validation_fraction": 0.15,
        "epochs": 50,
        "patience": 10,
        "reduce_on_plateau": 5,
    },
    metric="val_accuracy",
    mode="max",
    sampler="grid",
    stopping="none",
    repeats=3,
    repeat="all",
)
