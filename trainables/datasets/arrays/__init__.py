"""Data sets that are arrays of any kind: from a file, from a function, checked and joined."""
