"""A report of one or more searches as one HTML page that needs no other file."""

from analysis.report.page import page

__all__ = ["page"]
