"""What a configuration may say, and what a network or backbone is by default: known without a training framework."""
