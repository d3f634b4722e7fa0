"""How texts become terms: Lucene's analyzers, made once, and asked directly.

"english" brings word forms together (bus, buses; man, men; colour, color) with a list made from
WordNet and KStem; "porter" is the paper's (Pyserini's default: Porter stems and stop words);
"plain" takes words as they are written, but for case and accents; "exact" a whole text as it is.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Any, TypeVar

from lexsearch.engines.lucene import classes as _classes

_LEXICON = Path(__file__).parents[2] / "text" / "lexicon"
_FORMS = "irregular.txt"
_ATTRIBUTES = (
    "org.apache.lucene.analysis.tokenattributes.CharTermAttribute",
    "org.apache.lucene.analysis.tokenattributes.OffsetAttribute",
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
        ("miscellaneous.StemmerOverrideFilterFactory", {"dictionary": _FORMS}),
        ("en.KStemFilterFactory", {}),
    ),
}


@cache
def analyzer(name: str) -> Any:
    """A Lucene analyzer by name: "english", "porter" or "plain"."""
    java = _classes.load()
    if name == "porter":
        return java.EnglishAnalyzer()
    builder = java.CustomAnalyzer.builder(java.File(str(_LEXICON)).toPath())
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
    settings = repr(_CHAINS).encode() + (_LEXICON / _FORMS).read_bytes()
    return hashlib.blake2b(settings, digest_size=8).hexdigest()


@cache
def irregular_forms() -> dict[str, list[str]]:
    """The word forms on the list, by the term that they become."""
    forms: dict[str, list[str]] = {}
    for line in (_LEXICON / _FORMS).read_text("utf-8").splitlines():
        form, tab, term = line.partition("\t")
        if tab:
            forms.setdefault(term, []).append(form)
    return forms


T = TypeVar("T")
Terms = tuple[str, ...]
_analysed: dict[str, dict[str, Terms]] = {}
_stems: dict[str, dict[str, str]] = {}
_MOST_TEXTS, _MOST_STEMS = 100_000, 500_000  # remembered


def analyze(name: str, texts: Collection[str]) -> Mapping[str, Terms]:
    """For each text the terms that an analyzer makes of it, in order; and the same of texts asked
    for before. All new ones are analysed in one go.
    """
    known = _room(_analysed, name, _MOST_TEXTS)
    new = [text for text in texts if text not in known]
    known.update(zip(new, _analyze_each(name, new), strict=True))
    return known


def stems(name: str, words: Collection[str]) -> Mapping[str, str]:
    """As `analyze`, of single words: the term of each, "" for those that are left out."""
    known = _room(_stems, name, _MOST_STEMS)
    new = [word for word in words if word not in known]
    known.update(
        (word, "".join(terms[-1:]))
        for word, terms in zip(new, _analyze_each(name, new), strict=True)
    )
    return known


def _room(remembered: dict[str, dict[str, T]], name: str, most: int) -> dict[str, T]:
    """What is remembered of an analyzer; forgotten when it is too much, but not by those who were
    given it before.
    """
    if len(remembered.setdefault(name, {})) > most:
        remembered[name] = {}
    return remembered[name]


def _analyze_each(name: str, texts: Sequence[str]) -> list[Terms]:
    if not texts:
        return []
    cleaned = [clean(text) for text in texts]
    beyond = list(accumulate(len(text.encode("utf-16-le")) // 2 + 1 for text in cleaned))
    found: list[list[str]] = [[] for _ in texts]
    with _classes.calls:
        for term, start in analyze_at(name, "\n".join(cleaned)):
            found[bisect_right(beyond, start)].append(term)
    return [tuple(terms) for terms in found]


def analyze_at(name: str, text: str) -> list[tuple[str, int]]:
    """(term, where it starts in the text, in UTF-16 units) in order."""
    java = _classes.load()
    stream = analyzer(name).tokenStream("contents", clean(text))
    try:
        term, offset = (
            java.cast(name, stream.addAttribute(java.find(name))) for name in _ATTRIBUTES
        )
        stream.reset()
        terms = []
        while stream.incrementToken():
            terms.append((term.toString(), offset.startOffset()))
        stream.end()
        return terms
    finally:
        stream.close()


def clean(text: str) -> str:
    """Text that survives the way into Java: no lone surrogates, no NUL."""
    return text.encode("utf-8", "replace").decode().replace("\0", " ")
