"""Search over a space: command line, scheduling, sampling, results."""
