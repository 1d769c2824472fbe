"""Who of a population ends, whom others follow, and with which settings. Without Ray and Optuna."""
