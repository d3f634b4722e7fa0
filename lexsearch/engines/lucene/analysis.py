"""How texts become terms: Lucene's analyzers, made once.

"english" brings word forms together with a list made from WordNet and KStem; "porter" is
Pyserini's default; see lexsearch.text.analysis.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Sequence
from functools import cache
from itertools import accumulate
from typing import Any

from lexsearch.engines.lucene import classes as _classes
from lexsearch.text.analysis import FORMS, Analyzer, Terms, Token, clean
from lexsearch.text.words import normal

_TERM, _OFFSET, _STEP = (
    f"org.apache.lucene.analysis.tokenattributes.{name}Attribute"
    for name in ("CharTerm", "Offset", "PositionIncrement")
)
_CHAINS: dict[str, tuple[tuple[str, dict[str, str]], ...]] = {
    "exact": (("core.KeywordTokenizerFactory", {}),),
    "plain": (
        ("standard.StandardTokenizerFactory", {}),
        ("core.LowerCaseFilterFactory", {}),
        ("miscellaneous.ASCIIFoldingFilterFactory", {}),
    ),
    "english": (
        ("standard.StandardTokenizerFactory", {}),
        ("core.LowerCaseFilterFactory", {}),
        ("en.EnglishPossessiveFilterFactory", {}),
        ("core.StopFilterFactory", {}),
        ("miscellaneous.ASCIIFoldingFilterFactory", {}),
        ("miscellaneous.StemmerOverrideFilterFactory", {"dictionary": FORMS.name}),
        ("en.KStemFilterFactory", {}),
    ),
}


@cache
def analyzer(name: str) -> Any:
    """The Lucene analyzer of a chain."""
    java = _classes.load()
    if name == "porter":
        return java.EnglishAnalyzer()
    builder = java.CustomAnalyzer.builder(java.File(str(FORMS.parent)).toPath())
    for factory, settings in _CHAINS[name]:
        arguments = java.HashMap()
        for key, value in settings.items():
            arguments.put(key, value)
        kind = java.find(f"org.apache.lucene.analysis.{factory}")
        if factory.endswith("TokenizerFactory"):
            builder.withTokenizer(kind, arguments)
        else:
            builder.addTokenFilter(kind, arguments)
    return builder.build()


@cache
def fingerprint() -> str:
    """Changes whenever the same text would become other terms."""
    settings = repr(_CHAINS).encode() + FORMS.read_bytes()
    return hashlib.blake2b(settings, digest_size=8).hexdigest()


def _run(chain: str, text: str, attribute: str, read: str) -> list[tuple[str, int]]:
    """(term, an attribute of it) of each term of a text, in order."""
    java = _classes.load()
    stream = analyzer(chain).tokenStream("contents", text)
    try:
        term, more = (
            java.cast(name, stream.addAttribute(java.find(name))) for name in (_TERM, attribute)
        )
        stream.reset()
        terms = []
        while stream.incrementToken():
            terms.append((term.toString(), getattr(more, read)()))
        stream.end()
        return terms
    finally:
        stream.close()


class LuceneAnalyzer(Analyzer):
    """Lucene's analyzers, asked directly: no index is needed."""

    @property
    def fingerprint(self) -> str:
        return fingerprint()

    def tokens(self, text: str, chain: str) -> list[Token]:
        with _classes.calls:
            return [
                Token(*row)
                for row in _run(chain, clean(normal(text)), _STEP, "getPositionIncrement")
            ]

    def analyze(self, texts: Sequence[str], chain: str) -> list[Terms]:
        """All in one go: crossing into Java for each would take longer than the work there."""
        if not texts:
            return []
        cleaned = [clean(normal(text)) for text in texts]
        beyond = list(accumulate(len(text.encode("utf-16-le")) // 2 + 1 for text in cleaned))
        found: list[list[str]] = [[] for _ in texts]
        with _classes.calls:
            for term, start in _run(chain, "\n".join(cleaned), _OFFSET, "startOffset"):
                found[bisect_right(beyond, start)].append(term)
        return [tuple(terms) for terms in found]


ANALYZER = LuceneAnalyzer()
"""The one of this process: what it remembers serves all indexes."""
