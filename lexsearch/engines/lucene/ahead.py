"""Open an index while Python is busy with other things: most of what a first search takes is Java's
own start and what it loads on the way.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path

from lexsearch.engines import Concept, EngineQuery, Variant
from lexsearch.engines.lucene import LuceneEngine
from lexsearch.engines.scoring import Scorer
from lexsearch.text.words import words_of

_MOST_WORDS, _FEW = 3, 10


def open_ahead(folder: Path, text: str, mode: str) -> Future[LuceneEngine]:
    """The engine, or why there is none, some time later; after that, a search for words of the text
    is made for what it loads.
    """
    opened: Future[LuceneEngine] = Future()

    def work() -> None:
        try:
            engine = LuceneEngine(folder)
        except BaseException as error:
            opened.set_exception(error)
            return
        opened.set_result(engine)
        with suppress(Exception):  # the search itself will tell
            _rehearse(engine, text, mode)

    threading.Thread(target=work, name="opening").start()
    return opened


def _rehearse(engine: LuceneEngine, text: str, mode: str) -> None:
    scorer = Scorer(engine)
    if mode == "paper":
        scorer.bm25(text, _FEW)
        return
    concepts = tuple(Concept((Variant(word),)) for word in words_of(text)[:_MOST_WORDS])
    found = scorer.search(EngineQuery(concepts), _FEW)
    engine.stored([one.doc_id for one in found.best])
