"""Searches that were tried and are not what the product does, on the same simulator."""
