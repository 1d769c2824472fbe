"""What a configuration may say, and the defaults of each network and backbone, known without a training framework."""
