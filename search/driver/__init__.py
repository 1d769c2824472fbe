"""The decisions of a search, made where it was started: what is tried next and what came back. No Ray, no Optuna."""
