"""Measurements of what is claimed about time, memory and quality."""
