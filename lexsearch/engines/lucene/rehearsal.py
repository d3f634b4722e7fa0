"""A run through all that a search needs, for the archive of Java's classes (see jvm).

A program of its own: python -m lexsearch.engines.lucene.rehearsal CLASSES SCRATCH
"""

from __future__ import annotations

import sys
from pathlib import Path

from lexsearch.engines import Concept, EngineQuery, Variant
from lexsearch.engines.fields import SAID
from lexsearch.engines.lucene import LuceneEngine, jvm
from lexsearch.engines.lucene.writer import LuceneWriter
from lexsearch.engines.nodes import Term
from lexsearch.engines.scoring import Scorer
from lexsearch.records import Document


def rehearse(folder: Path) -> None:
    """Index and search some documents, enough that every class needed gets loaded."""
    writer = LuceneWriter(folder / "lucene")
    engine = LuceneEngine(folder / "lucene")
    scorer = Scorer(engine)
    for start in (0, 1000):
        texts = {f"{n}": f"{'a bus ' * (n % 9)} lights {n}" for n in range(start, start + 1000)}
        texts["0"] = "two buses, one coach, light bus stops"
        writer.update(Document(doc_id, text) for doc_id, text in texts.items())
        writer.commit()
    bus = Concept((Variant("bus"), Variant("coach", 0.5)), (Variant("light", 0.1),))
    light = Concept((Variant("bus light", apart=True), Variant("light", 0.5)))
    stop = Concept((Variant("bus stop"),))
    sentence = Concept(parts=(Concept((Variant("bus"),)),), sentence="a bus with a light")
    for concepts in ((bus,), (bus, light), (bus, light, stop), (sentence,)):
        wanted = EngineQuery(concepts)
        scorer.count(wanted)
        engine.stored([scored.doc_id for scored in scorer.search(wanted, 10).best])
    scorer.bm25("bus light", 10)
    engine.similar(Term(SAID, "lihgt"))
    writer.delete(["1"])
    writer.commit()
    writer.close()
    engine.close()


def main(classes: str, scratch: str) -> None:
    """Rehearse in a folder for scratch files; Java leaves the list of classes in a file."""
    jvm.start_noting(classes)
    rehearse(Path(scratch) / "index")
    jvm.start().autoclass("java.lang.System").exit(0)


if __name__ == "__main__":
    main(*sys.argv[1:])
