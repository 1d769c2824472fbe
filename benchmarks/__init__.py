"""What is claimed about time, memory and quality, measured."""
