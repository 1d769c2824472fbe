"""Backbones pretrained on ImageNet: each has a name, its preprocessing, its weights, and the layers that it trains."""
