"""Models that a user brings: which engine trains them, and that the saved model is the one that was measured."""
