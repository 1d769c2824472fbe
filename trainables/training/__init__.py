"""The training of one trial: its epochs and stages, early stopping, checkpoints, and the test at the end."""
