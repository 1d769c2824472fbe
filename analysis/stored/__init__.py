"""Reads the experiment folder as typed values: its manifest, its tables, its journal."""
