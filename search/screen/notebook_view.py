"""The live view in a notebook: one output of the cell, which changes in place."""

from __future__ import annotations

import io
from typing import Any

from rich.console import RenderableType

from search.console import as_written

_WIDTH = 110
_FRAME = '<pre style="white-space:pre;overflow-x:auto;line-height:normal;font-family:monospace">{code}</pre>'


class NotebookView:
    """Does in a cell what `rich.live.Live` does in a terminal, without widgets, of which not every notebook has any."""

    def __init__(self) -> None:
        self._shown: Any = None

    def start(self) -> None:
        """Nothing: the output appears with the first update."""

    def update(self, what: RenderableType, *, refresh: bool = True) -> None:
        """Draw `what` in place of what was drawn before."""
        from IPython.display import display  # noqa: PLC0415  # there in a notebook, and only asked for in one

        if self._shown is None:
            self._shown = display(_as_data(what), raw=True, display_id=True)  # type: ignore[no-untyped-call]  # it has none
        else:
            self._shown.update(_as_data(what), raw=True)

    def stop(self) -> None:
        """Nothing: what was drawn last stays, as a cell keeps what it has shown."""


def _as_data(what: RenderableType) -> dict[str, str]:
    """A table or a text as a notebook stores it: with colours, and plain."""
    page = as_written(file=io.StringIO(), record=True, width=_WIDTH, force_jupyter=False)
    page.print(what)
    html = page.export_html(code_format=_FRAME, inline_styles=True, clear=False)
    return {"text/html": html, "text/plain": page.export_text().rstrip()}
