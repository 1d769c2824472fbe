"""What the results say in numbers: by epoch, by class, by parameter, and for trials that were stopped early."""
