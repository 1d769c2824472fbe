"""Photographs in class folders or archives: which there are, which class each has, how each is decoded."""
