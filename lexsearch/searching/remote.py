"""A text index on a cluster as an index to search, where its folder is not at hand.

Hits have paths, words and boxes, as they were when they were indexed; what the folder alone holds
(captioners, corrections, failures) is missing.
"""

from __future__ import annotations

import os
from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lexsearch.engines import Engine, StoredDocument
from lexsearch.engines.nodes import MatchAll, ScoredQuery
from lexsearch.engines.weights import RankingWeights
from lexsearch.errors import IndexReadOnly
from lexsearch.images.crops import boxes
from lexsearch.records import Caption, Document, Passage, PictureCopy
from lexsearch.searching.snapshot import Snapshot, Snapshots, Sort, Text, ordered
from lexsearch.searching.vocabulary import Vocabulary
from lexsearch.storage.albums import IS
from lexsearch.storage.settings import Settings
from lexsearch.storage.status import PictureInfo, Status

_EVERYTHING = ScoredQuery(MatchAll())


class RemoteSnapshots(Snapshots):
    """Takes snapshots of what stands at an address."""

    def __init__(self, address: str, weights: RankingWeights) -> None:
        super().__init__(address, weights)

    @property
    def folder(self) -> Path:
        raise IndexReadOnly(
            f"{self.name} is searched by its address; to change it, name the index's folder"
        )

    @property
    def settings(self) -> Settings:
        return Settings(engine=self.name)

    @contextmanager
    def now(self) -> Iterator[RemoteSnapshot]:
        yield RemoteSnapshot(self)


class RemoteSnapshot(Snapshot):
    """What stands at an address at one moment."""

    def __init__(self, snapshots: RemoteSnapshots) -> None:
        super().__init__(snapshots, snapshots.settings)
        self._snapshots = snapshots

    def state(self) -> Hashable:
        return self._text and self._text.number

    def _open_text(self) -> Text:
        return self._snapshots.text(self.settings, self.name)

    def _is_now(self) -> bool:
        return True  # all that there is, is the text index

    @property
    def _engine(self) -> Engine:
        assert self._text is not None, "an address is opened or raises"
        return self._text.engine

    # Documents

    def identify(self, name: str | os.PathLike[str]) -> str | None:
        doc_id = os.fspath(name)
        if os.path.isfile(doc_id):
            from lexsearch.images.files import hash_file

            doc_id = hash_file(doc_id)
        return doc_id if self.is_listed(doc_id) else None

    def paths(self, doc_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        stored = self._engine.stored(doc_ids)
        return {doc_id: one.paths for doc_id, one in zip(doc_ids, stored, strict=True)}

    def relative_paths(self, doc_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
        return self.paths(doc_ids)

    def named(self, name: str) -> list[str]:
        """None: pictures are not looked up by their paths there."""
        return []

    def documents(self) -> list[str]:
        return self.browse(self._engine.count())[0]

    def is_listed(self, doc_id: str) -> bool:
        return self._engine.stored([doc_id]) != [StoredDocument()]

    def folders(self) -> dict[str, int]:
        """None: the text index has the words of names, not the folders."""
        return {}

    def albums(self) -> dict[str, int]:
        """None: the text index does not list what it can find."""
        return {}

    def favourites(self, doc_ids: Sequence[str]) -> set[str]:
        each = zip(doc_ids, self._engine.stored(doc_ids), strict=True)
        return {doc_id for doc_id, one in each if any(row.field == IS for row in one.passages)}

    def duplicates(self) -> list[tuple[PictureCopy, ...]]:
        """None, since the text index does not have what pictures look like."""
        return []

    def dates(self, doc_ids: Sequence[str]) -> dict[str, str]:
        dates: dict[str, str] = {}
        for doc_id, one in zip(doc_ids, self._engine.stored(doc_ids), strict=True):
            said = [row.text for row in one.passages if row.field == "date"]
            dates |= {doc_id: max(said)} if said else {}
        return dates

    def first_paths(self, doc_ids: Sequence[str]) -> dict[str, str]:
        return {doc_id: min(paths) for doc_id, paths in self.paths(doc_ids).items() if paths}

    def months(self) -> dict[str, int]:
        """None, as with albums."""
        return {}

    def counted(self, field: str) -> dict[str, int]:
        """None, as with albums."""
        return {}

    def browse(
        self, k: int = 10, *, skip: int = 0, sort: Sort = "relevance"
    ) -> tuple[list[str], int]:
        """In order of doc_id, whatever is asked for: nobody reads all of a cluster to sort it."""
        ordered(sort)
        found = self._engine.search(_EVERYTHING, skip + k)
        return [doc_id for doc_id, _ in found.best[skip:]], found.total

    def describe(self, name: str | os.PathLike[str]) -> PictureInfo:
        doc_id = self.find(name)
        [stored] = self._engine.stored([doc_id])
        rows = (row for row in stored.passages if row.field != "name" and row.text)
        captions = tuple(_caption(doc_id, row, stored.size) for row in rows)
        return PictureInfo(doc_id, stored.paths, captions)

    def status(self) -> Status:
        count = self._engine.count()
        return Status(self.name, (), 0, count, 0, count, 0, (), (), (), self.settings)

    def vocabulary(self) -> Vocabulary:
        """None: nobody reads all of a cluster to complete a word."""
        return Vocabulary()

    def contents(self) -> Iterator[Document]:
        raise self._needs_folder()

    def export_captions(self) -> Iterator[str]:
        raise self._needs_folder()

    def _needs_folder(self) -> IndexReadOnly:
        return IndexReadOnly(
            f"{self.name} is searched by its address alone; captions are exported from the index's "
            "folder: name that with --index"
        )


def _caption(doc_id: str, passage: Passage, size: tuple[int, int] | None) -> Caption:
    """A passage as the caption that it was, as far as the text index tells."""
    box = passage.box or (boxes(*size).get(passage.crop) if size else None)
    width, height = size or (None, None)
    return Caption(
        doc_id,
        passage.crop,
        passage.text,
        passage.field,
        "",
        "import",
        box=box,
        width=width,
        height=height,
    )
