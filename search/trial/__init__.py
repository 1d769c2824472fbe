"""What runs on a node for one trial: the training process, its messages, its checkpoints. No Ray, no Optuna."""
