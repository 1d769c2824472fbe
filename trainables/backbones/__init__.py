"""Backbones pretrained on ImageNet: by name, each with its own preprocessing, its weights, and what of it trains."""
