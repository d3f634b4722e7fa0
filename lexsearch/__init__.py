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

from lexsearch._version import __version__ as __version__
from lexsearch.records import Results

if TYPE_CHECKING:
    from lexsearch.errors import LexsearchError
    from lexsearch.index import Index
    from lexsearch.records import Hit, Query

__all__ = ["Hit", "Index", "LexsearchError", "Query", "open"]

_HOMES = {
    "Hit": "lexsearch.records",
    "Index": "lexsearch.index",
    "LexsearchError": "lexsearch.errors",
    "Query": "lexsearch.records",
}


def open(path: str | os.PathLike[str] = "indexes/default", *, create: bool = True) -> Index:
    """The index at `path`; a missing one is made, unless `create` is false."""
    from lexsearch.index import Index

    return Index(path, create=create)


def _html(results: Results) -> str:
    from lexsearch.display.notebook import render

    return render(results, str(results.query), results.total)


Results.html = _html  # records know nothing of how they are shown


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        import importlib

        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'lexsearch' has no attribute {name!r}")
