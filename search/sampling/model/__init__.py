"""The model of learning curves that the default sampler learns from: curves, a process over them, what it promises."""
