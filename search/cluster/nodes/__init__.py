"""The nodes of a cluster: asked what they have and see, prepared for training, and what space they have left."""
