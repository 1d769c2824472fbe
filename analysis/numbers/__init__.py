"""What the results say in numbers: by epoch, by class, by parameter, and of trials that were stopped early."""
