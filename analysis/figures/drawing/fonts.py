"""The fonts of figures: installed ones of other scripts stand in for characters that the usual one lacks."""

from __future__ import annotations

from functools import cache

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font
from matplotlib.text import Text

_OTHER_SCRIPTS = (
    "Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans CJK KR", "Noto Sans SC", "Noto Sans JP", "Noto Sans KR",
    "Source Han Sans SC", "WenQuanYi Zen Hei", "WenQuanYi Micro Hei", "Droid Sans Fallback", "IPAexGothic",
    "TakaoGothic", "NanumGothic", "Unifont", "PingFang SC", "Hiragino Sans", "Apple SD Gothic Neo", "Microsoft YaHei",
    "Yu Gothic", "Malgun Gothic", "Arial Unicode MS", "Noto Sans Devanagari", "Noto Sans Bengali", "Noto Sans Thai",
)  # fmt: skip
"""Fonts with characters of other scripts, as Linux, macOS and Windows bring them."""


def families() -> list[str]:
    """Return the names of the fonts of a figure, in the order in which they are asked for a character."""
    return [*mpl.rcParams["font.family"], *_installed()]


@cache
def _installed() -> tuple[str, ...]:
    names = set(fontManager.get_font_names())
    return tuple(name for name in _OTHER_SCRIPTS if name in names)


def lacking(figure: Figure) -> set[str]:
    """Return the characters of a figure that no installed font has, in whose place boxes are drawn."""
    texts = [text.get_text() for text in figure.findobj(Text)]
    characters = {one for text in texts for one in text if not one.isascii() and not one.isspace()}
    fonts = [get_font(findfont(FontProperties(family=[name]))) for name in families()] if characters else []
    return {one for one in characters if not any(font.get_char_index(ord(one)) for font in fonts)}
