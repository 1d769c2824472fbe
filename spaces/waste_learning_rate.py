"""Which learning rate, over four decades, does the small network need for photos of waste?

    python -m search.run spaces/waste_learning_rate.py           # 4 configurations x 3 seeds, 20 epochs at 256x256
    python -m search.run spaces/waste_learning_rate.py --smoke   # 2 trials, 1 epoch

Study 004 trained 5 epochs at each rate, once, on images that were never shuffled, and took the rate whose loss curve
looked best, 1e-4. Here the images are shuffled in every epoch, every rate has 20 epochs (the first 5 are in the table
of epochs) and three seeds, and validation images choose. A rate at which the loss explodes ends as a failed trial
with that reason.
Last full run: none on RealWaste. 2026-11-21 on a stand-in (--dataset waste9_standin --set image_size=64 epochs=12),
three seeds, 16 minutes on 2 cores of a Xeon beside other work: test 53.1, 50.1, 40.4, 28.5 % at 1e-4, 1e-3, 1e-2, 1e-1;
1e-4 is best outside the noise of all others.
"""

from search.space import Choice, Space
from trainables.image_classifier import train

space = Space(
    trainable=train,
    dataset="realwaste",
    parameters={"learning_rate": Choice(1e-4, 1e-3, 1e-2, 1e-1)},
    fixed={
        "network": "two_conv",
        "batch_norm": "before_relu",
        "batch_norm_momentum": 0.9,  # An epoch has too few steps for 0.99.
        "dropout": 0.0,
        "head_units": (128, 64),
        "image_size": 256,
        "epochs": 20,
        "batch_size": 32,
    },
    metric="val_accuracy",
    mode="max",
    sampler="grid",
    stopping="none",
    repeats=3,
    repeat="all",
)
