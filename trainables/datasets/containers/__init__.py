"""Folders, tar and zip files as one thing: a list of files, and their bytes. Nothing is ever unpacked to disk."""
