"""Models that users bring: the engine that trains each one, and the check that the saved model is the measured one."""
