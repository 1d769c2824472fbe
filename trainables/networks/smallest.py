"""The smallest images that each network can take: known without Keras, so that a space is refused before training."""

SMALLEST_SIDE = {"two_conv": 4, "four_conv": 16, "simple": 4, "mid": 36, "resnet": 32, "inception": 63}
"""Network -> pixels of the shorter side."""
