"""Figures of the metric against the parameters that were searched."""
