"""Embedded Lucene: its own release jars, asked by a small part in Java (java/), through pyjnius.

An index written here opens in Pyserini (fields `id` and `contents`), and a bag of words ranks as it
does there. A search is one crossing into Java: bytes go in (wire.py), bytes come back, and what
a word is worth in each document is remembered there (java/lexsearch/Columns.java).
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from lexsearch.engines import Engine, StoredDocument, TopDocs
from lexsearch.engines.fields import unpack
from lexsearch.engines.lucene import bridge, layout, wire
from lexsearch.engines.lucene.analysis import ANALYZER
from lexsearch.engines.nodes import ScoredQuery, Term
from lexsearch.errors import EngineBroken
from lexsearch.text.words import edits

_TICK = 3_000_000_000  # nanoseconds: a disk like exFAT tells times no finer than two seconds


class LuceneEngine(Engine):
    """A Lucene index in a folder, open for reading. Several threads search side by side."""

    analyzer = ANALYZER

    def __init__(self, folder: Path, before: LuceneEngine | None = None) -> None:
        """before: an engine of the same folder, which has parts of it open."""
        if not layout.has_index(folder):  # Lucene would make the folder
            raise EngineBroken(
                f"there is no text index in {folder}; `lexsearch reindex` makes it from captions"
            )
        self._folder = folder
        self._requests = wire.Requests()
        self._seen = _changed(folder)
        if before is None:
            self._number = bridge.call(folder, "open", str(folder), layout.note())
        else:
            self._number = bridge.call(folder, "reopen", before._number)

    def is_current(self) -> bool:
        changed = _changed(self._folder)
        if changed is None or changed != self._seen:
            if not bridge.call(self._folder, "isCurrent", self._number):
                return False
            self._seen = changed
        return True

    def reopened(self) -> LuceneEngine:
        return LuceneEngine(self._folder, self)

    def search(self, query: ScoredQuery, k: int) -> TopDocs:
        return wire.top_docs(self._ask("search", self._requests.search(query, k)))

    def count(self, query: ScoredQuery | None = None) -> int:
        if query is not None:
            return self.search(query, 0).total
        return int(bridge.call(self._folder, "documents", self._number))

    def frequencies(self, terms: Collection[Term]) -> Mapping[Term, int]:
        asked = list(terms)
        reply = self._ask("frequencies", wire.texts(part for term in asked for part in term))
        return dict(zip(asked, wire.numbers(reply), strict=True))

    def similar(self, term: Term) -> list[str]:
        most = 1 if len(term.text) < 6 else 2
        reply = self._ask("similar", wire.number(most) + wire.texts(term))
        words = wire.read_counted(reply)
        near = [(edits(term.text, text), -count, text) for text, count in words]
        return [text for far, _, text in sorted(near) if far]

    def stored(self, doc_ids: Sequence[str]) -> list[StoredDocument]:
        each = iter(wire.read_texts(self._ask("stored", wire.texts(doc_ids))))
        pairs = zip(each, each, strict=True)
        return [unpack(*pair) if pair[0] else StoredDocument() for pair in pairs]

    def _ask(self, name: str, request: bytes) -> bytes:
        return bridge.ask(self._folder, name, self._number, request)

    def close(self) -> None:
        bridge.call(self._folder, "close", self._number)


def _changed(folder: Path) -> int | None:
    """When files last came or went, as each commit makes them; None if just now or unknown."""
    try:
        changed = folder.stat().st_mtime_ns
    except OSError:
        return None
    return changed if time.time_ns() - changed > _TICK else None
