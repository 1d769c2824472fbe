"""The training of one trial: compiled epochs, early stopping, checkpoints, the test at the end."""
