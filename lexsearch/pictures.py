"""Pictures for people: thumbnails in a terminal, and contact sheets."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image


def terminal_thumbnail(path: str) -> str | None:
    return None


def contact_sheet(pictures: Sequence[tuple[str, str]]) -> Image.Image:
    raise NotImplementedError
