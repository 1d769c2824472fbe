"""The searches that the benchmarks run."""
