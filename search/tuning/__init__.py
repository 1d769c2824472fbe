"""From a plan to an experiment folder: the only package that imports Ray."""
