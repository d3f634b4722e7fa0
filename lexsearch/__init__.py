"""lexsearch: search your pictures by words.

>>> import lexsearch
>>> index = lexsearch.open("indexes/photos")            # doctest: +SKIP
>>> report = index.add("./images")                      # doctest: +SKIP
>>> for hit in index.search("bus, traffic light", k=3): # doctest: +SKIP
...     print(hit.rank, hit.score, hit.path)
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from lexsearch._version import __version__
from lexsearch.errors import (
    CaptionerError,
    CaptionerUnavailable,
    EngineBroken,
    EngineError,
    EngineOutdated,
    EngineUnavailable,
    EvaluationError,
    ImageError,
    ImportFormatError,
    IndexLocked,
    IndexNotFound,
    IndexReadOnly,
    IndexUnusable,
    LexsearchError,
    ModelError,
    ModelRefused,
    ModelUnavailable,
    QueryError,
    QueryTooLarge,
    RewritingError,
    StorageError,
    ViewRefused,
)
from lexsearch.records import (
    Caption,
    CaptionerKey,
    Evidence,
    Hit,
    Keyword,
    PictureCopy,
    Progress,
    Query,
    Results,
    Suggestion,
)

if TYPE_CHECKING:
    from PIL.Image import Image

    from lexsearch.captioners import Captioner
    from lexsearch.index import Index
    from lexsearch.indexing.scan import Report
    from lexsearch.storage.status import PictureInfo, Status

__all__ = [
    "Caption",
    "Captioner",
    "CaptionerError",
    "CaptionerKey",
    "CaptionerUnavailable",
    "EngineBroken",
    "EngineError",
    "EngineOutdated",
    "EngineUnavailable",
    "EvaluationError",
    "Evidence",
    "Hit",
    "ImageError",
    "ImportFormatError",
    "Index",
    "IndexLocked",
    "IndexNotFound",
    "IndexReadOnly",
    "IndexUnusable",
    "Keyword",
    "LexsearchError",
    "ModelError",
    "ModelRefused",
    "ModelUnavailable",
    "PictureCopy",
    "PictureInfo",
    "Progress",
    "Query",
    "QueryError",
    "QueryTooLarge",
    "Report",
    "Results",
    "RewritingError",
    "Status",
    "StorageError",
    "Suggestion",
    "ViewRefused",
    "__version__",
    "open",
]

_HOMES = {
    "Captioner": "lexsearch.captioners",
    "Index": "lexsearch.index",
    "PictureInfo": "lexsearch.storage.status",
    "Report": "lexsearch.indexing.scan",
    "Status": "lexsearch.storage.status",
}
"""Where the names are that are imported when they are first asked for."""


def open(path: str | os.PathLike[str] = "indexes/default", *, create: bool = True) -> Index:
    """The index at `path`. A missing one is made by the first change, unless `create` is false:
    then IndexNotFound is raised. The address of a text index on a cluster,
    "opensearch+https://HOST:PORT/NAME", is opened for reading.
    """
    from lexsearch.index import Index

    return Index(path, create=create)


# Records know nothing of how they are shown; what shows them is imported when it is asked for.


def _html(results: Results) -> str:
    from lexsearch.display.notebook import render

    return render(results, str(results.query), results.total)


def _image(hit: Hit) -> Image:
    from lexsearch.display.opening import image

    return image(hit)


def _thumbnail(hit: Hit, side: int = 320) -> Image:
    from lexsearch.display.opening import image

    return image(hit, side)


Results.html = _html
Hit.image = _image
Hit.thumbnail = _thumbnail


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        import importlib

        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'lexsearch' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
