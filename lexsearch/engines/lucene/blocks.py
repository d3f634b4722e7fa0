"""From documents to Java documents, many at once.

id        the doc_id
contents  all captions: what the paper ranks, and where phrases are looked for
said      each word once for each caption that says it, so that a word's frequency is the
          number of captions that agree on it
text, name, about, date   what is known of the picture beside its captions
passages  which crop said what, as JSON; stored, not searched
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Set
from itertools import islice
from typing import Any

from lexsearch.engines import StoredDocument
from lexsearch.engines.lucene import classes as _classes
from lexsearch.engines.lucene.analysis import clean
from lexsearch.records import Box, Document, Passage
from lexsearch.text.words import words_of

ID, CONTENTS, SAID, PASSAGES = "id", "contents", "said", "passages"
ANALYZERS = {
    CONTENTS: "porter",
    SAID: "english",
    "text": "plain",
    "name": "plain",
    "about": "english",
    "date": "exact",
}
_BESIDE = ("text", "name", "about", "date")
_GAP = "\n" + 6 * "a "  # stop words: no terms, but no phrase reaches over so many
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
            contents = clean(document.contents)
            fields["stored"].setStringValue(contents)
            fields[CONTENTS].setStringValue(contents.replace("\n", _GAP))
            fields[SAID].setStringValue(clean(_once(document)))
            fields[PASSAGES].setStringValue(clean(_pack(document)))
            for name in _BESIDE:
                fields[name].setStringValue(clean(_beside(document, name)))
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
            PASSAGES: java.StoredField(PASSAGES, ""),
        }
        fields |= {name: java.TextField(name, "", java.Store.NO) for name in _BESIDE}
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


def _captions(document: Document) -> list[str]:
    if document.passages:
        return [passage.text for passage in document.passages if passage.field == "caption"]
    return document.contents.splitlines()


def _once(document: Document) -> str:
    """Each word once a caption."""
    return "\n".join(" ".join(dict.fromkeys(words_of(text))) for text in _captions(document))


def _beside(document: Document, field: str) -> str:
    return "\n".join(passage.text for passage in document.passages if passage.field == field)


def _pack(document: Document) -> str:
    """The passages; the words of captions are left out, since `contents` holds them."""
    rows = [
        [row.crop, row.box] if row.field == "caption" else [row.crop, row.box, row.field, row.text]
        for row in document.passages
    ]
    return json.dumps([document.size, rows], separators=(",", ":"), ensure_ascii=False)


def unpack(packed: str, contents: str) -> StoredDocument:
    """What `_pack` made, with the captions, one a line of the contents, put back."""
    size, rows = json.loads(packed)
    lines = iter(contents.split("\n"))
    if not rows:
        return StoredDocument(tuple(map(Passage, lines)))
    passages = []
    for crop, box, *rest in rows:
        field, text = rest or ("caption", "".join(islice(lines, 1)))
        passages.append(Passage(text, field, crop, Box(*box) if box else None))
    return StoredDocument(tuple(passages), tuple(size) if size else None)
