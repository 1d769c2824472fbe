"""How many training images do cats and dogs need, from scratch and with a frozen VGG16?

    python -m search.run spaces/cats_dogs_sample_size.py           # 6 configurations x 3 seeds, 20 epochs
    python -m search.run spaces/cats_dogs_sample_size.py --smoke   # 2 trials, one per network, 1 epoch, random weights

Study 000 found one class in its folder, so every accuracy was 1.0; two of its four rows differed in sample size and
in epochs; nothing was held out for validation. Here a folder with one class is refused before any training, every row
has the same epochs, the samples are nested (500 inside 1,000 inside 2,000), and validation and test are the same whole
sets for all. VGG16 has its own preprocessing. With new augmented images in every epoch its features cannot be kept:
--set cached_augmentations=5 takes turns of five, at a quarter of the cost.
Last full run: none with VGG16, whose weights were not at hand. 2026-11-21, MobileNetV2 0.35 in its place, 96x96 images,
16 minutes on 2 cores of a Xeon beside other work: test 84.8, 84.8, 85.7 % at 500, 1,000, 2,000 images, from scratch
56.6, 60.9, 58.6 % (docs/studies.md).
"""

from search.space import Choice, Space
from trainables.image_classifier import train

space = Space(
    trainable=train,
    dataset="cats_vs_dogs",
    parameters={
        "sample_size": Choice(500, 1000, 2000),
        "network": Choice("four_conv", "vgg16"),
        "regime": Choice("frozen", when={"network": "vgg16"}),
        "head_units": Choice((256,), when={"network": "vgg16"}),
    },
    fixed={"augmentation": "geometric", "pooling": "flatten", "image_size": 150, "batch_size": 20, "epochs": 20},
    metric="val_accuracy",
    mode="max",
    sampler="grid",
    stopping="none",
    repeats=3,
    repeat="all",
    smoke={"weights": "none", "sample_size": 40, "evaluation_size": 40},
)
