"""Puts results into words: names of columns as a user writes them, and tables as text."""
