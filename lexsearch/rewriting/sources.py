"""Retrievers, galleries and captions of an index, by the names that data has for its pictures."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from pathlib import Path

from lexsearch.errors import ImageError, LexsearchError
from lexsearch.evaluation.baselines import find_files
from lexsearch.evaluation.dataset import Dataset
from lexsearch.evaluation.sources import IndexSource
from lexsearch.images.files import open_picture
from lexsearch.images.urls import data_url
from lexsearch.index import Index
from lexsearch.memo import Memo
from lexsearch.rewriting.lexicon_pairs import Caption
from lexsearch.rewriting.making import Gallery
from lexsearch.rewriting.retriever import LexicalRetriever
from lexsearch.storage.status import PictureInfo

_SIDE = 448  # pixels of a picture that is sent
_WORDS = 40  # of a caption that is taken for a query


def lexical(index: Index, wanted: Iterable[str], mode: str) -> tuple[LexicalRetriever, IndexSource]:
    """An index as teacher: all of its pictures are searched, those wanted by the names given.

    Raises EvaluationError when none of the wanted is in the index.
    """
    source = IndexSource(index, wanted, only=False, mode=mode)
    return LexicalRetriever(source), source


class IndexGallery(Gallery):
    """What an index knows of pictures. with_pictures: show them, where they are at hand."""

    def __init__(self, index: Index, source: IndexSource, *, with_pictures: bool = False) -> None:
        self._index = index
        self._source = source
        self._with_pictures = with_pictures
        self._known: Memo[str, PictureInfo | None] = Memo(self._described, 2000)

    def _described(self, name: str) -> PictureInfo | None:
        doc_id = self._source.doc_id_of(name)
        try:
            return self._index.describe(doc_id) if doc_id else None
        except LexsearchError:
            return None

    def captions(self, doc_id: str) -> Sequence[str]:
        known = self._known[doc_id]
        rows = known.captions if known else ()
        return [row.text for row in rows if row.field == "caption" and row.text]

    def picture(self, doc_id: str) -> str | None:
        if not self._with_pictures:
            return None
        known = self._known[doc_id]
        return next(filter(None, map(_sent, known.paths if known else ())), None)


class FolderGallery(Gallery):
    """The captions of a data set, and its pictures where their folder is named."""

    def __init__(self, dataset: Dataset, folder: Path | None) -> None:
        self._dataset = dataset
        self._files = find_files(folder, dataset.images) if folder else {}

    def captions(self, doc_id: str) -> Sequence[str]:
        return self._dataset.captions.get(doc_id, ())

    def picture(self, doc_id: str) -> str | None:
        return _sent(self._files[doc_id]) if doc_id in self._files else None


def _sent(path: str) -> str | None:
    """A picture as it is sent, small and without what its file says; None where it is none."""
    try:
        image = open_picture(path, _SIDE).image
    except ImageError:
        return None
    image.thumbnail((_SIDE, _SIDE))
    return data_url(image)


def captions_in(index: Index, each: int, seed: int = 0) -> list[Caption]:
    """Captions of every picture that can be found, as many as `each`, drawn by the seed."""
    found = []
    for document in index.contents():
        said = dict.fromkeys(one.text for one in document.passages if one.field == "caption")
        texts = [text for text in said if len(text.split()) <= _WORDS]
        random.Random(f"{seed} {document.doc_id}").shuffle(texts)
        found += [Caption(document.doc_id, text) for text in texts[:each]]
    return found
