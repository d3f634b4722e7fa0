"""From documents to Java documents, many at once.

Beside the fields of every engine (lexsearch.engines.fields) each has its `id`, and stored, not
searched, its captions and `passages`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from typing import Any

from lexsearch.engines.fields import BESIDE, CONTENTS, EARLY, SAID, pack, texts_of
from lexsearch.engines.lucene import classes as _classes
from lexsearch.records import Document
from lexsearch.text.analysis import clean

ID, PASSAGES = "id", "passages"
_BLOCK_DOCUMENTS, _BLOCK_CHARACTERS = 256, 200_000  # handed to Java at once, at most


class Block:
    """Java documents, filled again and again, that go to the writer all at once."""

    def __init__(self) -> None:
        self._all = _classes.load().ArrayList()
        self._fields: list[dict[str, Any]] = []
        self.doc_ids: Set[str] = frozenset()

    def fill(self, documents: Mapping[str, Document]) -> None:
        java = _classes.load()
        while len(self._fields) < len(documents):
            self._fields.append(self._grow())
        for fields, document in zip(self._fields, documents.values(), strict=False):
            fields[ID].setStringValue(document.doc_id)
            fields["ids"].setBytesValue(java.BytesRef(document.doc_id))
            fields["stored"].setStringValue(clean(document.contents))
            fields[PASSAGES].setStringValue(pack(document))
            for name, text in texts_of(document).items():
                fields[name].setStringValue(text)
        self.doc_ids = documents.keys()
        self.terms = [java.Term(ID, doc_id) for doc_id in documents]
        self.documents = self._all.subList(0, len(documents))

    def _grow(self) -> dict[str, Any]:
        java = _classes.load()
        counted = java.FieldType()
        counted.setIndexOptions(java.IndexOptions.DOCS_AND_FREQS)
        counted.setOmitNorms(True)  # a picture with more to see is no worse a picture
        fields = {
            ID: java.StringField(ID, "", java.Store.YES),
            "ids": java.BinaryDocValuesField(ID, java.BytesRef("")),
            CONTENTS: java.TextField(CONTENTS, "", java.Store.NO),
            "stored": java.StoredField(CONTENTS, ""),
            SAID: java.Field(SAID, "", counted),
            EARLY: java.Field(EARLY, "", counted),
            PASSAGES: java.StoredField(PASSAGES, ""),
        }
        fields |= {name: java.TextField(name, "", java.Store.NO) for name in BESIDE}
        document = java.Document()
        for field in fields.values():
            document.add(field)
        self._all.add(document)
        return fields


def in_blocks(documents: Iterable[Document]) -> Iterator[dict[str, Document]]:
    """Documents by doc_id, in parts of bounded size; of one that comes twice, the later."""
    block: dict[str, Document] = {}
    characters = 0
    for document in documents:
        block[document.doc_id] = document
        characters += len(document.contents)
        if len(block) == _BLOCK_DOCUMENTS or characters > _BLOCK_CHARACTERS:
            yield block
            block, characters = {}, 0
    if block:
        yield block
