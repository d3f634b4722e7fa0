"""What an index on OpenSearch holds, and what a document becomes there.

Documents come analysed: a text is sent as its terms, with "␣" where a stop word was, so that
phrases keep their gaps. The similarity "count" makes `_score` of a term or phrase the number of
times that it is there, and nothing else; lengths are fields of their own.

An index with candidates has each text a second time, without places, scored by the server's own
BM25: for a first, cheap look (see `lexsearch.engines.opensearch.render.Estimator`).
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from lexsearch.engines.fields import CHAINS, LAYOUT, NO_LENGTHS, coded, pack, texts_of
from lexsearch.engines.nodes import MatchAll, ScoredQuery
from lexsearch.memo import Memo
from lexsearch.records import Document
from lexsearch.text.analysis import Analyzer, Token, clean
from lexsearch.text.words import EXACT

_MAPPING = 2  # goes up with every change of what is here
HOLE = "\u2423"
COUNTED = tuple(field for field in CHAINS if field not in EXACT)
NOTE = "lexsearch"  # in the mapping's _meta
NEARLY = "nearly"  # the part of a field that the server scores by itself
_LONGEST_TERM = 1024  # letters
_LONGEST_ID = 512  # bytes, OpenSearch's limit
_USUAL = ScoredQuery(MatchAll())  # its k1 and b
_LAST = "zz"  # a word behind a text, to see how many stop words end it


def index_body(shards: int, note: Mapping[str, str], candidates: int = 0) -> dict[str, Any]:
    """What a new index is made with. It gets replicas when it is filled."""
    counted = {"type": "text", "similarity": "count", "norms": False}
    nearly = {"type": "text", "similarity": NEARLY, "index_options": "freqs"}

    def field(analyzer: str, **more: object) -> dict[str, Any]:
        both = {"fields": {NEARLY: {**nearly, "analyzer": analyzer}}} if candidates else {}
        return {**counted, "analyzer": analyzer, **more, **both}

    text, bag = field("terms"), field("counted", index_options="freqs")
    number = {"type": "integer", "index": False}
    words = {"type": "whitespace", "max_token_length": _LONGEST_TERM}
    return {
        "settings": {
            "number_of_shards": shards,
            "auto_expand_replicas": "false",
            "number_of_replicas": 0,
            "refresh_interval": "-1",  # what is new is seen when the writer says so
            "similarity": {
                "count": {
                    "type": "scripted",
                    "script": {"source": "return query.boost * doc.freq;"},
                },
                NEARLY: {"type": "BM25", "k1": _USUAL.k1, "b": _USUAL.b},
            },
            "analysis": {
                "tokenizer": {"words": words},
                "filter": {
                    "holes": {"type": "stop", "stopwords": [HOLE]},
                    "counts": {"type": "delimited_term_freq", "delimiter": "|"},
                    "either": {
                        "type": "pattern_capture",
                        "preserve_original": False,
                        "patterns": ["([^|]+)"],
                    },
                },
                "analyzer": {
                    "terms": {"tokenizer": "words", "filter": ["holes"]},
                    "counted": {"tokenizer": "words", "filter": ["counts"]},
                    "ways": {"tokenizer": "words", "filter": ["either", "holes"]},
                },
            },
        },
        "mappings": {
            "dynamic": "strict",
            "_meta": {NOTE: dict(note)},
            "_source": {"includes": ["doc_id", "stored"]},  # nobody reads the terms again
            "properties": {
                "doc_id": {"type": "keyword"},
                **{field: bag if field in NO_LENGTHS else text for field in COUNTED},
                **{field: {"type": "keyword"} for field in EXACT},
                **{f"{field}_length": number for field in COUNTED},
                **{f"{field}_coded": number for field in COUNTED},
                "stored": {"type": "keyword", "index": False, "doc_values": False},
            },
        },
    }


def made_by(analyzer: Analyzer) -> str:
    """Changes whenever the same documents would become another index."""
    return f"{LAYOUT} {_MAPPING} {analyzer.fingerprint}"


def id_of(doc_id: str) -> str:
    """The `_id` of a document; a doc_id that is too long for one is told by its hash."""
    raw = doc_id.encode()
    if len(raw) <= _LONGEST_ID:
        return doc_id
    return f"blake2b-{hashlib.blake2b(raw, digest_size=32).hexdigest()}"


class Rows:
    """Makes what is sent of a document. Words between two spaces are analysed once: no chain looks
    beyond them.
    """

    def __init__(self, analyzer: Analyzer) -> None:
        self._analyzer = analyzer
        self._words: Memo[tuple[str, str], list[Token]] = Memo(self._analyzed, 200_000)

    def row(self, document: Document) -> dict[str, Any]:
        """A document's fields; those without terms are left out."""
        row: dict[str, Any] = {
            "doc_id": document.doc_id,
            "stored": json.dumps([clean(document.contents), pack(document)]),
        }
        for field, text in texts_of(document, self._analyzer).items():
            if field in EXACT:
                row |= {field: text.split("\n")} if text else {}
                continue
            terms = self.terms(text, CHAINS[field])
            length = len(terms) - terms.count(HOLE)
            if not length:
                continue
            row[f"{field}_length"], row[f"{field}_coded"] = length, coded(length)
            if field in NO_LENGTHS:
                counts = Counter(term for term in terms if term != HOLE)
                terms = [f"{term}|{count}" for term, count in counts.items()]
            row[field] = " ".join(terms)
        return row

    def terms(self, text: str, chain: str) -> list[str]:
        """The terms of a text in order, HOLE for each word that is none."""
        found: list[str] = []
        for word in text.replace("\n", " ").split(" "):
            if word:
                for term, step in self._words[chain, word]:
                    found += [HOLE] * (step - 1)
                    found.append(term)
                found.pop()  # _LAST
        return found

    def _analyzed(self, asked: tuple[str, str]) -> list[Token]:
        chain, word = asked
        return self._analyzer.tokens(f"{word} {_LAST}", chain)
