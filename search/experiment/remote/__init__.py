"""The copy of an experiment folder in an object store."""
