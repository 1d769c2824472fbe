"""Data sets: found on the driver without a training framework, decoded once per node, split by the seed alone."""

from trainables.datasets.cache import default_cache_dir

__all__ = ["default_cache_dir"]
