"""Fonts of this machine for plots in any script."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import NamedTuple

_USUAL = "DejaVu Sans"  # comes with matplotlib


class Fonts(NamedTuple):
    """What a text can be drawn with.

    families: names of fonts, the usual one first. files: of the others. lacking: the signs that no
        font has.
    """

    families: list[str]
    files: list[str]
    lacking: str

    @property
    def note(self) -> str:
        """What to tell people, or ""."""
        if not self.lacking:
            return ""
        shown = "".join(self.lacking[:20])
        return (
            f"no font on this machine has {len(self.lacking)} of the signs ({shown}); plots show "
            "boxes for them. Fonts for all scripts: fonts-noto (Debian), google-noto-fonts (Fedora)"
        )


def fonts_for(texts: Iterable[str]) -> Fonts:
    """Fonts that together have the signs of some texts, as few as will do."""
    from matplotlib import font_manager

    needed = {ord(sign) for text in texts for sign in text if sign.isprintable()}
    needed -= _signs(font_manager.findfont(_USUAL))
    found = Fonts([_USUAL], [], "")
    for font in sorted(font_manager.fontManager.ttflist, key=lambda font: font.fname):
        if not needed:
            break
        if font.style == "normal" and font.name != _USUAL and needed & _signs(font.fname):
            found.families.append(font.name)
            found.files.append(font.fname)
            needed -= _signs(font.fname)
    return found._replace(lacking="".join(map(chr, sorted(needed))))


@cache
def _signs(file: str) -> frozenset[int]:
    from matplotlib.ft2font import FT2Font

    try:
        return frozenset(FT2Font(file).get_charmap())
    except (OSError, RuntimeError):  # a font that FreeType cannot read, or in bitmaps alone
        return frozenset()


@contextmanager
def drawing_in(fonts: Fonts) -> Iterator[None]:
    """Draw with these fonts; what they lack becomes boxes, without a word from matplotlib."""
    import warnings

    import matplotlib

    with matplotlib.rc_context({"font.family": fonts.families}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph \d+")
        yield
