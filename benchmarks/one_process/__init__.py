"""Benchmarks of whole searches in one process, whose numbers a seed repeats."""
