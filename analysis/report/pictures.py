"""Draws figures as a page embeds them: as drawings for a desk, as images of pixels for a phone."""

from __future__ import annotations

import io

from analysis.figures import finish, make
from analysis.figures.drawing.style import phone, style
from analysis.load import Results

MOST_SVG = 600_000
"""Number of characters of a drawing above which it is embedded as an image of pixels."""


def embedded(name: str, results: Results) -> tuple[bytes, str]:
    """Return a figure as SVG, or as PNG where that is much smaller."""
    drawn = make(name, results)
    with style():
        finish(drawn)
        vectors = io.BytesIO()
        drawn.savefig(vectors, format="svg", metadata={"Date": None})
        if len(vectors.getvalue()) <= MOST_SVG:
            return vectors.getvalue(), "image/svg+xml"
        points = io.BytesIO()
        drawn.savefig(points, format="png")
        return points.getvalue(), "image/png"


def upright(name: str, results: Results) -> bytes:
    """Return a figure as PNG for a phone held upright, its panels below each other."""
    with phone():
        drawn = make(name, results)
    points = io.BytesIO()
    with style():
        drawn.savefig(points, format="png", dpi=180)
    return points.getvalue()
