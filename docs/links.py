"""Links of the documentation to files outside of it, such as `../cluster.yaml`: on the site they are names only."""

import posixpath
import re
from typing import Any

_LINK = re.compile(r"(?<!!)\[([^\]]+)\]\((\.\./[^)#]+)(#[^)]*)?\)")


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Return the text of a page without links that lead out of the folder; MkDocs calls it for each page."""
    folder = posixpath.dirname(page.file.src_uri)

    def name_only(link: re.Match[str]) -> str:
        outside = posixpath.normpath(posixpath.join(folder, link[2])).startswith("..")
        return link[1] if outside else link[0]

    return _LINK.sub(name_only, markdown)
