"""What is found out by building models: what a HyperModel asks for, in a process apart from the driver's."""
